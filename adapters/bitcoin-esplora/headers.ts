import { type BlockHeader, ChainLied, ChainUnreachable } from "./chain.ts";

/** What reading headers takes. */
export interface HeaderSource {
  tipHeight(): Promise<number>;
  /** Blocks from a height downwards: Esplora gives ten. */
  blocksDownFrom(height: number): Promise<readonly { readonly height: number; readonly header: BlockHeader }[]>;
}

const HEADERS_PER_PAGE = 10;
/** One period of Bitcoin's difficulty, two weeks of blocks. */
const MAX_HEADERS = 2_016;

/** Headers upwards from a height, each linked to the one before. Throws `ChainUnreachable` if a reorganisation came between. */
export async function readHeaders(
  source: HeaderSource,
  { fromHeight, count }: { fromHeight: number; count: number },
): Promise<readonly BlockHeader[]> {
  if (!Number.isSafeInteger(fromHeight) || fromHeight < 0 || !(count >= 0 && count <= MAX_HEADERS)) {
    throw new RangeError(`headers from ${fromHeight}, ${count}: at most ${MAX_HEADERS}, from 0`);
  }
  const last = Math.min(await source.tipHeight(), fromHeight + count - 1);
  const found: BlockHeader[] = [];
  while (fromHeight + found.length <= last) {
    const next = fromHeight + found.length;
    for (const header of await readPage(source, { first: next, last: Math.min(last, next + HEADERS_PER_PAGE - 1) })) {
      const before = found.at(-1);
      if (before !== undefined && header.previous !== before.hash) {
        throw new ChainUnreachable(`the chain moved while headers ${fromHeight} to ${last} were read`);
      }
      found.push(header);
    }
  }
  return found;
}

async function readPage(
  source: HeaderSource,
  { first, last }: { first: number; last: number },
): Promise<readonly BlockHeader[]> {
  const blocks = await source.blocksDownFrom(last);
  const wanted = blocks.filter(({ height }) => height >= first && height <= last).reverse();
  if (wanted.length !== last - first + 1 || wanted.some(({ height }, i) => height !== first + i)) {
    throw new ChainLied(`blocks up to ${last}: not ${last - first + 1} consecutive ones`);
  }
  return wanted.map(({ header }) => header);
}
