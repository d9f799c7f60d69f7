import { transportContract } from "@conclave/node/testing";
import { Cluster } from "./testing/cluster.ts";

transportContract("libp2p over TCP", async () => new Cluster("tcp"));
transportContract("libp2p over WebSocket", async () => new Cluster("ws"));
