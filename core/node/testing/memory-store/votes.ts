import { equalBytes } from "@conclave/bytes";
import type { Votes } from "../../store/votes.ts";
import type { Contents } from "./contents.ts";
import { copied, required } from "./rows.ts";

export function votesOver({ requests, rounds, votes }: Contents): Votes {
  return {
    async openRound({ request, revision, round, openedAtMs }) {
      required(requests.has(request), "a voting round needs its request");
      const known = rounds.find((row) => row.request === request && row.revision === revision && row.round === round);
      if (known !== undefined) return known;
      const opened = { id: rounds.length + 1, request, revision, round, openedAtMs, closedAtMs: null, outcome: null };
      rounds.push(opened);
      return opened;
    },
    async closeRound(id, { closedAtMs, outcome }) {
      const round = rounds[id - 1];
      if (round === undefined || round.closedAtMs !== null) return false;
      rounds[id - 1] = { ...round, closedAtMs, outcome };
      return true;
    },
    round: async (id) => rounds[id - 1],
    rounds: async (request) =>
      rounds.filter((row) => row.request === request).sort((a, b) => a.revision - b.revision || a.round - b.round),
    async insert(vote) {
      required(rounds[vote.votingRound - 1] !== undefined, "a vote needs its voting round");
      const known = votes.filter(({ votingRound, node }) => votingRound === vote.votingRound && node === vote.node);
      const first = known.find(({ order }) => order === "first");
      if (first !== undefined && equalBytes(first.bytes, vote.bytes)) return "known";
      if (known.length < 2) votes.push(copied({ ...vote, order: first === undefined ? "first" : "second" }));
      return first === undefined ? "saved" : "conflict";
    },
    list: async (votingRound) => copied(votes.filter((vote) => vote.votingRound === votingRound)),
  };
}
