import { portableEngine } from "./index.ts";
import { engineContract } from "./testing/index.ts";

engineContract(portableEngine);
