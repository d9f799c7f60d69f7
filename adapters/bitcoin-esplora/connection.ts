import { ChainLied, ChainRefused, ChainUnreachable, type ChainHealth } from "./chain.ts";
import { checkHost, EndpointInvalid } from "./endpoint.ts";
import { hash } from "./shapes.ts";
import { type Reply, Transport, type TransportOptions } from "./transport.ts";

/** A transport, and the network that must be at its other end. */
export interface ConnectionOptions extends TransportOptions {
  readonly genesisHash: string;
  readonly allowPrivateHosts: boolean;
}

/** Kept of a refusal's text. */
const MAX_RAW = 1_000;

/** Questions and answers with one server, none before it proved to serve our network. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #transport: Transport;
  #network: Promise<void> | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#transport = new Transport(options);
  }

  health(): ChainHealth {
    return this.#transport.health();
  }

  /** Asks once; a failure is forgotten, so that the next question asks again. */
  async verifyNetwork(): Promise<void> {
    const check = (this.#network ??= this.#checkNetwork());
    try {
      await check;
    } catch (cause) {
      if (this.#network === check) this.#network = null;
      throw cause;
    }
  }

  /** Parsed JSON. Throws `ChainRefused` if there is nothing at this path. */
  async json(path: string): Promise<unknown> {
    const answer = await this.jsonOrNull(path);
    if (answer === null) throw new ChainRefused({ code: null, message: `${path}: not found`, raw: "not found" });
    return answer.value;
  }

  async jsonOrNull(path: string): Promise<{ readonly value: unknown } | null> {
    const text = await this.textOrNull(path);
    if (text === null) return null;
    try {
      return { value: JSON.parse(text) as unknown };
    } catch (cause) {
      throw new ChainLied(`${path}: not JSON`, { cause });
    }
  }

  /** Null for "not found". Throws `ChainRefused` for any other refusal. */
  async textOrNull(path: string): Promise<string | null> {
    await this.verifyNetwork();
    const reply = await this.#transport.ask({ path });
    if (reply.status === 404) return null;
    const text = textOf(reply);
    if (reply.status === 200) return text;
    const raw = text.slice(0, MAX_RAW);
    throw new ChainRefused({ code: null, message: `${path}: ${raw}`, raw });
  }

  /** Sends a body; a refusal is returned, because its text says why. */
  async post(path: string, body: string): Promise<{ readonly accepted: boolean; readonly text: string }> {
    await this.verifyNetwork();
    const reply = await this.#transport.ask({ path, body });
    return { accepted: reply.status === 200, text: textOf(reply) };
  }

  async #checkNetwork(): Promise<void> {
    const { base, genesisHash, allowPrivateHosts } = this.#options;
    try {
      await checkHost(base, { allowPrivate: allowPrivateHosts });
    } catch (cause) {
      if (cause instanceof EndpointInvalid) throw cause;
      throw new ChainUnreachable(`${base.host}: the name cannot be resolved`, { cause });
    }
    const actual = hash(textOf(await this.#transport.ask({ path: "/block-height/0" })), `${base.host}: first block`);
    if (actual !== genesisHash) {
      throw new ChainLied(`${base.host} serves another network: its first block is ${actual}, ours ${genesisHash}`);
    }
  }
}

const textOf = ({ bytes }: Reply): string => new TextDecoder().decode(bytes).trim();
