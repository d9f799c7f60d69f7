/** The port's contract, against a real chain behind a real server. */
import { networks, printAddress } from "@conclave/bitcoin";
import { GENESIS_HASH, openRegtest } from "@conclave/bitcoin-regtest";
import { toHex } from "@conclave/bytes";
import { chainContract } from "@conclave/node/testing";
import { openEsplora } from "./index.ts";

const addressOf = (scriptPubKey: Uint8Array): string => printAddress(scriptPubKey, networks.regtest)!;

for (const broadcastErrors of ["json", "text"] as const)
  chainContract(`Esplora that tells refusals as ${broadcastErrors}`, async () => {
    const regtest = await openRegtest({ premine: 110 });
    const { url } = await regtest.listen({ broadcastErrors });
    return {
      chain: openEsplora({ baseUrl: url, genesisHash: GENESIS_HASH, allowPrivateHosts: true }),
      network: networks.regtest,
      fund: async (scriptPubKey, value) => regtest.faucet(addressOf(scriptPubKey), value, { confirm: false }),
      mine: async (blocks) => void regtest.mine(blocks),
      reorganise: async (depth) => regtest.reorg(depth),
      overtake: async (depth, rawTx) => regtest.reorg(depth, { transactions: [toHex(rawTx)] }),
      forget: async (txid) => void regtest.dropFromMempool(txid),
      reward: async (scriptPubKey) => {
        regtest.mine(1, { to: addressOf(scriptPubKey) });
        return regtest.chain.tip.entries[0]!.txid;
      },
      dispose: () => regtest.close(),
    };
  });
