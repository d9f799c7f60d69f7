/** What is fixed about a Bitcoin network, whoever we ask: prefixes, version bytes, first block, proof-of-work limits. */
import { literal } from "@conclave/bytes";
import type { SchemaOf } from "@conclave/bytes";

/** Wire and configuration form of a network's name. */
export const networkSchema = literal("mainnet", "testnet", "testnet4", "signet", "regtest");

/** The networks that a wallet can be on. */
export type NetworkName = SchemaOf<typeof networkSchema>;

/** One network's constants. */
export interface Network {
  readonly name: NetworkName;
  /** Human-readable part of segwit addresses (BIP173). testnet, testnet4 and signet share theirs. */
  readonly bech32Prefix: string;
  /** Base58 version byte of P2PKH addresses. */
  readonly pubKeyHashVersion: number;
  /** Base58 version byte of P2SH addresses. */
  readonly scriptHashVersion: number;
  /** BIP32 version of serialized extended public keys ("xpub" or "tpub"). */
  readonly extendedKeyVersion: number;
  /** SLIP-44 coin type, the second step of a BIP86 path. */
  readonly coinType: number;
  /** Hash of block 0 as explorers print it. The only thing that tells networks with shared prefixes apart. */
  readonly genesisHash: string;
  /** Consensus limit: `bits` of the easiest block this network can have. */
  readonly powLimitBits: number;
  /**
   * Easiest target that we accept as evidence of work. On mainnet it is far below the consensus limit, which one machine
   * can meet today: it stands at a difficulty of 10^13, reached in 2019, a small part of what the network does now.
   * On test networks work proves little, and so do their coins.
   */
  readonly spvTarget: bigint;
  /** True if the difficulty changes only every 2016 blocks, by at most a factor of 4, with no exception for slow blocks. */
  readonly steadyDifficulty: boolean;
}

/** Target of difficulty 1: compact form 0x1d00ffff. */
const DIFFICULTY_ONE = 0xffffn << 208n;

const testPrefixes = {
  bech32Prefix: "tb",
  pubKeyHashVersion: 0x6f,
  scriptHashVersion: 0xc4,
  extendedKeyVersion: 0x043587cf,
  coinType: 1,
} as const;

/** Bitcoin Core's chain parameters, checked in the tests against the block headers they hash to. */
export const networks: { readonly [N in NetworkName]: Network & { readonly name: N } } = {
  mainnet: {
    name: "mainnet",
    bech32Prefix: "bc",
    pubKeyHashVersion: 0x00,
    scriptHashVersion: 0x05,
    extendedKeyVersion: 0x0488b21e,
    coinType: 0,
    genesisHash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    powLimitBits: 0x1d00ffff,
    spvTarget: DIFFICULTY_ONE / 10_000_000_000_000n,
    steadyDifficulty: true,
  },
  testnet: {
    name: "testnet",
    ...testPrefixes,
    genesisHash: "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
    powLimitBits: 0x1d00ffff,
    spvTarget: DIFFICULTY_ONE,
    steadyDifficulty: false,
  },
  testnet4: {
    name: "testnet4",
    ...testPrefixes,
    genesisHash: "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
    powLimitBits: 0x1d00ffff,
    spvTarget: DIFFICULTY_ONE,
    steadyDifficulty: false,
  },
  signet: {
    name: "signet",
    ...testPrefixes,
    genesisHash: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
    powLimitBits: 0x1e0377ae,
    spvTarget: 0x0377aen << 216n,
    steadyDifficulty: true,
  },
  regtest: {
    name: "regtest",
    ...testPrefixes,
    bech32Prefix: "bcrt",
    genesisHash: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
    powLimitBits: 0x207fffff,
    spvTarget: 0x7fffffn << 232n,
    steadyDifficulty: false,
  },
};
