/**
 * The wallet's other key: P2WPKH, signed by threshold ECDSA. Making it is seconds of work for every node (each pair runs
 * oblivious transfers), so it waits until the first payment is through and is made beside whatever the user does.
 */
import { toHex } from "@conclave/bytes";
import type { LocalCluster } from "./local-cluster.ts";
import type { Notices } from "./notices.ts";
import type { Progress } from "./progress.ts";
import type { AccountFacts } from "./speaker.ts";

const ACCOUNT = "segwit";
const SCHEME = "dkls23-secp256k1";
const FAUCET_COINS = 2;
const FAUCET_SATS = 50_000_000n;

export interface SecondAccountParts {
  readonly running: LocalCluster;
  readonly notices: Notices;
  readonly progress: Progress;
  /** Give it coins from the faucet if it has none. */
  readonly fund: boolean;
}

export interface SecondAccount {
  /** The account's first address: the same at every start. */
  readonly address: string;
  /** Key id, hexadecimal. */
  readonly key: string;
}

/** Resolves once there is a key, however long nodes are away. Rejects with what the request for it throws. */
export async function secondAccount(parts: SecondAccountParts): Promise<SecondAccount> {
  const { running, progress, fund } = parts;
  const known = await running.voice.account(ACCOUNT);
  const { address, keyId } = known ?? (await makeKey(parts));
  if (known === null) {
    const summary = `${address}, made by ${running.speakers.length} nodes together, signed for by threshold ECDSA`;
    progress.phase("segwit key", summary, { scheme: SCHEME, address, key: toHex(keyId) });
  }
  if (fund) await fillUp(running, address);
  return { address, key: toHex(keyId) };
}

async function makeKey({ running, notices, progress }: SecondAccountParts): Promise<AccountFacts> {
  let stop = (): void => {};
  const made = new Promise<AccountFacts>((resolve, reject) => {
    stop = notices.listen((node, notice) => {
      if (notice.kind === "progress" && node === 0) {
        const told = roundNamed(notice.round);
        if (told !== null) progress.detail(`making the segwit key: ${told}`);
      }
      // Certified by every node, so that whoever speaks for the network has it too.
      if (notice.kind !== "keyActive") return;
      running.voice.account(ACCOUNT).then((account) => account !== null && resolve(account), reject);
    });
  });
  try {
    await running.voice.requestWalletKey(SCHEME);
    return await made;
  } finally {
    stop();
  }
}

/** Setup rounds are told by their number, key generation's by their names; rounds of signatures are not about the key. */
function roundNamed(round: string): string | null {
  const [, phase, number, name] = /^(keygen|dkls23\/setup)\/(\d+)-(\w+)$/.exec(round) ?? [];
  if (phase === undefined) return null;
  return phase === "keygen" ? `shares, ${name}` : `oblivious transfer ${number}/3`;
}

/** Coins from the faucet, if the account has none. */
async function fillUp({ voice, chain }: LocalCluster, address: string): Promise<void> {
  const balance = (await voice.balances()).find(({ account }) => account === ACCOUNT);
  if (balance !== undefined && balance.confirmed > 0n) return;
  for (let i = 0; i < FAUCET_COINS; i++) chain.faucet(address, FAUCET_SATS);
}
