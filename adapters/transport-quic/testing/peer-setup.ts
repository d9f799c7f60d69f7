/** What a node in a process of its own is told, as one argument. */
import { fromHex, toHex } from "@conclave/bytes";
import type { TestNode } from "./cluster.ts";

export interface PeerSetup {
  readonly self: TestNode;
  readonly nodes: readonly TestNode[];
  readonly mode: "quic" | "tls";
  /** `host:port`. */
  readonly listen: string;
}

interface Bytes {
  readonly hex: string;
}

export const setupOf = (setup: PeerSetup): string =>
  JSON.stringify(setup, (_, value: unknown) => (value instanceof Uint8Array ? { hex: toHex(value) } : value));

export const readSetup = (text: string): PeerSetup =>
  JSON.parse(text, (_, value: unknown) => (isBytes(value) ? fromHex(value.hex) : value)) as PeerSetup;

const isBytes = (value: unknown): value is Bytes => typeof value === "object" && value !== null && "hex" in value;
