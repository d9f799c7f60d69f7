/**
 * A registered peer that votes twice: it holds a node's folder with all its keys, and tells every other node a yes and a no of that
 * node to one thing, again and again. `node double-voter.ts CONFIG VOTE` in a process of its own; VOTE: somebody's vote on it,
 * hexadecimal.
 */
import { setTimeout as delay } from "node:timers/promises";
import { sealEnvelope } from "@conclave/custody";
import { signedVoteCodec, signVote } from "@conclave/consensus";
import { openWorld, properly } from "./flooder.ts";

const PAUSE_MS = 200;

const [configFile, example] = process.argv.slice(2) as [string, string];
const { identity, rosterHash, peers, openInPlace } = await openWorld(configFile);
const { vote } = signedVoteCodec.decode(new Uint8Array(Buffer.from(example, "hex")));
const wires = [true, false].map((value) => {
  const signed = signVote(identity.vote, { ...vote, voter: identity.id, value });
  const fields = { kind: "vote" as const, request: vote.request, round: `${vote.revision}.${vote.round}` };
  return sealEnvelope(identity, rosterHash, fields, signedVoteCodec.encode(signed)).wire;
});
const framed = await properly(identity.id);
const transport = await openInPlace();
await transport.start({ frame: () => {}, link: () => {} });
for (;;) {
  for (const peer of peers) if (transport.isUp(peer)) for (const wire of wires) transport.send(peer, framed(wire));
  await delay(PAUSE_MS);
}
