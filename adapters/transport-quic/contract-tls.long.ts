import { after } from "node:test";
import { transportContract } from "@conclave/node/testing";
import { makeCluster } from "./testing/cluster.ts";
import { wiredNetwork } from "./testing/wired-network.ts";

const cluster = await makeCluster(3);
after(() => cluster.dispose());

transportContract("TLS over TCP", () => wiredNetwork("tls", cluster));
