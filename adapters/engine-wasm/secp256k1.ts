import { assert } from "@conclave/bytes";
import type { Group, Point } from "@conclave/crypto";
import { messageExpander } from "./expand-message.ts";
import { ENCODED_BYTES, MAX_POINTS, POINT_STRIDE_WORDS, POINT_WORDS, threadKernel, type Kernel } from "./kernel.ts";

/** Two field elements of 48 bytes (RFC 9380 §8.7: L = 48). */
const HASH_TO_FIELD_BYTES = 96;
const WORDS_PER_SCALAR = 4;
const COORDINATE_WORDS = 9;
/** An array of the right size, to be copied: one that grows is moved on the way. */
const NO_WORDS: readonly number[] = Array.from({ length: POINT_WORDS }, () => 0);

/**
 * A point on the JavaScript heap: the kernel's coordinates, never changed, and its encoding once that is known. A plain array,
 * since a typed one of this size lies outside of the heap, and to make and collect it costs as much as an addition.
 */
class KernelPoint implements Point {
  declare readonly __brand: "Point";
  readonly words: readonly number[];
  encoding: Uint8Array | undefined;

  constructor(words: readonly number[], encoding?: Uint8Array) {
    this.words = words;
    this.encoding = encoding;
  }
}

function open(point: Point): KernelPoint {
  assert(point instanceof KernelPoint, "a point of this group, not of another engine's");
  return point;
}

/**
 * secp256k1 on the WebAssembly kernel: the same group as `base`, which goes on encoding and reducing scalars. `sha256` is for
 * `hashToCurve`. Points of the two groups cannot be mixed.
 */
export function wasmSecp256k1(base: Group, sha256: (bytes: Uint8Array) => Uint8Array): Group {
  assert(base.name === "secp256k1", "the kernel is for secp256k1");
  const kernel = threadKernel();
  const { run } = kernel;
  const { order } = base;
  const expandMessage = messageExpander(sha256);

  const checkSecret = (k: bigint): void => {
    if (k <= 0n || k >= order) throw new RangeError("invalid scalar: out of range");
  };
  const checkPublic = (k: bigint): void => {
    if (k < 0n || k >= order) throw new RangeError("a scalar lies in [0, q)");
  };

  function decode(bytes: Uint8Array): Point {
    if (bytes.length !== ENCODED_BYTES || (bytes[0] !== 2 && bytes[0] !== 3)) {
      throw new RangeError("a point is 33 bytes beginning with 02 or 03");
    }
    kernel.encodings.set(bytes);
    if (run.decode() === 0) throw new RangeError("not a point of secp256k1");
    return new KernelPoint(pointAt(kernel, 0), Uint8Array.from(bytes));
  }

  function multiplyBaseSecret(k: bigint): Point {
    checkSecret(k);
    writeScalar(kernel, 0, k);
    run.multiplyBaseSecret();
    return takeSecret(kernel);
  }

  function multiplySecret(point: Point, k: bigint): Point {
    checkSecret(k);
    writePoint(kernel, 0, open(point));
    writeScalar(kernel, 0, k);
    run.multiplySecret();
    return takeSecret(kernel);
  }

  const generator = multiplyBaseSecret(1n);
  const identity = new KernelPoint(Array.from({ length: POINT_WORDS }, (_, i) => Number(i === COORDINATE_WORDS)));

  /** Σ k_i·P_i over at most `MAX_POINTS` terms, plus k·G. */
  function combineSome(points: readonly Point[], scalars: readonly bigint[], generatorScalar: bigint): Point {
    for (const [i, point] of points.entries()) {
      writePoint(kernel, i, open(point));
      writeScalar(kernel, i, scalars[i]!);
    }
    writeScalar(kernel, points.length, generatorScalar);
    run.combine(points.length);
    return new KernelPoint(pointAt(kernel, 0));
  }

  function combine(points: readonly Point[], scalars: readonly bigint[]): Point {
    assert(points.length === scalars.length, "as many scalars as points");
    scalars.forEach(checkPublic);
    const isTerm = (point: Point, i: number): boolean => point !== generator && scalars[i] !== 0n;
    const terms = points.filter(isTerm);
    const factors = scalars.filter((_, i) => isTerm(points[i]!, i));
    const ofGenerator = scalars.reduce((sum, k, i) => (points[i] === generator ? sum + k : sum), 0n) % order;
    let sum = combineSome(terms.slice(0, MAX_POINTS), factors.slice(0, MAX_POINTS), ofGenerator);
    for (let from = MAX_POINTS; from < terms.length; from += MAX_POINTS) {
      const to = from + MAX_POINTS;
      sum = add(sum, combineSome(terms.slice(from, to), factors.slice(from, to), 0n));
    }
    return sum;
  }

  function add(a: Point, b: Point): Point {
    writePoint(kernel, 0, open(a));
    writePoint(kernel, 1, open(b));
    run.add();
    return new KernelPoint(pointAt(kernel, 0));
  }

  function negate(point: Point): Point {
    const isY = (i: number): boolean => i >= COORDINATE_WORDS && i < 2 * COORDINATE_WORDS;
    // Not -word: a limb of zero would become -0, which is no small integer any more.
    return new KernelPoint(open(point).words.map((word, i) => (isY(i) ? 0 - word : word)));
  }

  function isIdentity(point: Point): boolean {
    writePoint(kernel, 0, open(point));
    return run.isIdentity() !== 0;
  }

  /** Encodes those of the points that were not encoded before, one inversion for every `MAX_POINTS` of them. */
  function encodeNew(points: readonly KernelPoint[]): void {
    const waiting = points.filter(({ encoding }) => encoding === undefined);
    if (waiting.some((point) => isIdentity(point))) throw new RangeError("the identity has no encoding");
    for (let from = 0; from < waiting.length; from += MAX_POINTS) {
      const some = waiting.slice(from, from + MAX_POINTS);
      for (const [i, point] of some.entries()) writePoint(kernel, i, point);
      run.encode(some.length);
      for (const [i, point] of some.entries()) {
        point.encoding = kernel.encodings.slice(i * ENCODED_BYTES, (i + 1) * ENCODED_BYTES);
      }
      // The point of a Diffie-Hellman key is encoded to be hashed: the kernel forgets it, as the product before.
      kernel.points.fill(0, 0, some.length * POINT_STRIDE_WORDS);
      kernel.encodings.fill(0);
    }
  }

  function encodeAll(points: readonly Point[]): Uint8Array[] {
    const opened = points.map(open);
    encodeNew(opened);
    return opened.map(({ encoding }) => encoding!.slice());
  }

  function encode(point: Point): Uint8Array {
    const opened = open(point);
    encodeNew([opened]);
    return opened.encoding!.slice();
  }

  return {
    name: "secp256k1",
    order,
    pointBytes: ENCODED_BYTES,
    generator,
    identity,
    multiplyBaseSecret,
    multiplySecret,
    multiplyBase(k) {
      if (k < 0n || k >= order) throw new RangeError("invalid scalar: out of range");
      return k === 0n ? identity : multiplyBaseSecret(k);
    },
    combine,
    add,
    negate,
    equals(a, b) {
      writePoint(kernel, 0, open(a));
      writePoint(kernel, 1, open(b));
      return run.equals() !== 0;
    },
    isIdentity,
    // A table of our own would save a sixth of a multiplication: not worth its memory.
    prepare: (point) => void open(point),
    encode,
    encodeAll,
    decode,
    decodeAll: (encodings) => encodings.map(decode),
    hashToCurve(message, dst) {
      kernel.encodings.set(expandMessage(message, dst, HASH_TO_FIELD_BYTES));
      run.hashToCurve();
      return new KernelPoint(pointAt(kernel, 0));
    },
    hasEvenY(point) {
      if (isIdentity(point)) throw new RangeError("the identity has no y-coordinate");
      const opened = open(point);
      encodeNew([opened]);
      return opened.encoding![0] === 2;
    },
    encodeScalar: (k) => base.encodeScalar(k),
    decodeScalar: (bytes) => base.decodeScalar(bytes),
    reduce: (bytes) => base.reduce(bytes),
  };
}

function writePoint({ points }: Kernel, i: number, { words }: KernelPoint): void {
  for (let word = 0; word < POINT_WORDS; word++) points[i * POINT_STRIDE_WORDS + word] = words[word]!;
}

function pointAt({ points }: Kernel, i: number): number[] {
  const words = NO_WORDS.slice();
  for (let word = 0; word < POINT_WORDS; word++) words[word] = points[i * POINT_STRIDE_WORDS + word]!;
  return words;
}

/** An element of a BigUint64Array keeps the low 64 bits of what it is given. */
function writeScalar({ scalars }: Kernel, i: number, k: bigint): void {
  let rest = k;
  for (let word = 0; word < WORDS_PER_SCALAR; word++, rest >>= 64n) scalars[i * WORDS_PER_SCALAR + word] = rest;
}

/** The product of a secret multiplication, which may be a secret itself: the kernel forgets it. */
function takeSecret(kernel: Kernel): KernelPoint {
  const product = new KernelPoint(pointAt(kernel, 0));
  kernel.points.fill(0, 0, POINT_STRIDE_WORDS);
  return product;
}
