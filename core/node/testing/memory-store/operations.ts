import type { Addresses } from "../../store/addresses.ts";
import type { Nodes } from "../../store/nodes.ts";
import { checkLimit } from "../../store/pages.ts";
import { isSameUse, type PresignatureUses } from "../../store/presignature-uses.ts";
import type { Violations } from "../../store/violations.ts";
import type { Contents } from "./contents.ts";
import { byText, copied } from "./rows.ts";

export function violationsOver({ violations }: Contents): Violations {
  return {
    async insert(violation) {
      const id = violations.length + 1;
      violations.push(copied({ ...violation, id }));
      return id;
    },
    async list({ limit, node, before = Number.MAX_SAFE_INTEGER }) {
      checkLimit(limit);
      const matching = violations.filter((row) => row.id < before && (node === undefined || row.node === node));
      return copied(matching.reverse().slice(0, limit));
    },
  };
}

export function presignaturesOver({ presignatures }: Contents): PresignatureUses {
  return {
    async insert(use) {
      const known = presignatures.get(use.presignature);
      if (known === undefined) presignatures.set(use.presignature, use);
      if (known === undefined) return "saved";
      return isSameUse(known, use) ? "known" : "conflict";
    },
    get: async (presignature) => presignatures.get(presignature),
  };
}

export function nodesOver({ nodes }: Contents): Nodes {
  return {
    async set(status) {
      nodes.set(status.node, status);
    },
    get: async (node) => nodes.get(node),
    list: async () => [...nodes.values()].sort((a, b) => byText(a.node, b.node)),
  };
}

export function addressesOver({ addresses }: Contents): Addresses {
  const next = (wallet: string, branch: number): number => addresses.get(`${wallet}/${branch}`) ?? 0;
  return {
    next: async (wallet, branch) => next(wallet, branch),
    async take(wallet, branch) {
      const index = next(wallet, branch);
      addresses.set(`${wallet}/${branch}`, index + 1);
      return index;
    },
    async raise(wallet, branch, atLeast) {
      addresses.set(`${wallet}/${branch}`, Math.max(atLeast, next(wallet, branch)));
    },
  };
}
