import { FaucetEmpty } from "./faucet.ts";
import { Rejected } from "./rejected.ts";
import { get, HttpError, post, type Route, type RouteContext } from "./router.ts";
import { AddressInvalid } from "./scripts.ts";

/** One request may mine or undo this much: enough to play with, little enough to answer at once. */
const MAX_MINED = 1_000;
const MAX_REORG = 100;
const MAX_FAUCET_SATS = 1_000_000_000_000;

/** What a local user may do to this chain. Only for a server opened with `admin`. */
export const adminRoutes: readonly Route[] = [
  get("/regtest", ({ regtest }) => ({ network: "regtest", height: regtest.height, tip: regtest.tipHash })),
  post("/regtest/faucet", faucet),
  post("/regtest/mine", ({ regtest, body }) => {
    const { blocks = 1 } = parseFields(body);
    return { hashes: regtest.mine(wholeNumber("blocks", blocks, MAX_MINED)) };
  }),
  post("/regtest/reorg", ({ regtest, body }) => {
    const { depth = 1 } = parseFields(body);
    regtest.reorg(wholeNumber("depth", depth, Math.min(MAX_REORG, regtest.height)));
    return { height: regtest.height, tip: regtest.tipHash };
  }),
];

function faucet({ regtest, body }: RouteContext): object {
  const { address, sats, confirm = true } = parseFields(body);
  if (typeof address !== "string") throw new HttpError(400, "address: an address of this chain is expected");
  if (typeof confirm !== "boolean") throw new HttpError(400, "confirm: true or false is expected");
  try {
    return { txid: regtest.faucet(address, wholeNumber("sats", sats, MAX_FAUCET_SATS), { confirm }) };
  } catch (cause) {
    if (cause instanceof AddressInvalid || cause instanceof FaucetEmpty || cause instanceof Rejected) {
      throw new HttpError(400, cause.message);
    }
    throw cause;
  }
}

function parseFields(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Answered like any other body that is not an object.
  }
  throw new HttpError(400, "a JSON object is expected");
}

function wholeNumber(name: string, value: unknown, max: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw new HttpError(400, `${name}: a whole number from 1 to ${max} is expected`);
}
