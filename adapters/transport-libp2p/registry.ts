/**
 * Where nodes of one machine find each other: a folder with one small file per node, which only that node writes, so nobody
 * can lose another's entry and no lock is needed. The files are signed; the folder and they belong to this account alone.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { NodeId } from "@conclave/consensus";
import type { Clock } from "@conclave/node";
import {
  printAnnouncement,
  readAnnouncement,
  RegistryRefused,
  type Announcement,
  type Sought,
} from "./announcement.ts";
import { publicKeyOf } from "./ed25519.ts";
import { ANNOUNCEMENT_LIFE_MS, MAX_DIAL_ADDRESSES } from "./limits.ts";
import { peerIdOf } from "./peer-id.ts";

export { RegistryRefused } from "./announcement.ts";
export type { Sought } from "./announcement.ts";

/** Eight addresses of the longest, their signature and JSON's brackets fit in half of it. */
const MAX_FILE_BYTES = 8_192;
const OTHERS = 0o077;

export interface PeerRegistryOptions {
  /** Made with mode 0700 if it is missing; its parent must exist. */
  readonly folder: string;
  readonly clock: Clock;
}

/** A node that announces itself. */
export interface Announcer {
  readonly node: NodeId;
  /** Of its libp2p identity. */
  readonly seed: Uint8Array;
  readonly rosterHash: Uint8Array;
  /** Multiaddrs; the first eight are announced. */
  readonly addresses: readonly string[];
}

export class PeerRegistry {
  readonly #folder: string;
  readonly #clock: Clock;
  /** Highest sequence that was believed or announced. */
  readonly #sequences = new Map<NodeId, number>();

  constructor(options: PeerRegistryOptions) {
    this.#folder = options.folder;
    this.#clock = options.clock;
  }

  /**
   * Say where a node is, for the next minute; with no address, that it is gone. Rejects with `RegistryRefused` if others can
   * write here.
   */
  async announce(announcer: Announcer): Promise<void> {
    await mkdir(this.#folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await this.#checkFolder();
    const { node, seed, rosterHash } = announcer;
    const nowMs = this.#clock.nowMs();
    const sequence = Math.max(nowMs, (await this.#lastSequence(announcer)) + 1);
    const announcement: Announcement = {
      node,
      peerId: peerIdOf(publicKeyOf(seed)),
      addresses: announcer.addresses.slice(0, MAX_DIAL_ADDRESSES),
      sequence,
      expiresMs: nowMs + ANNOUNCEMENT_LIFE_MS,
    };
    await this.#replace(node, printAnnouncement(announcement, seed, rosterHash));
    this.#sequences.set(node, sequence);
  }

  /**
   * Where a node says it is; empty if it says nothing that is still valid. Rejects with `RegistryRefused` for a file that
   * others can write or read, that is no file, or whose words are not its node's last.
   */
  async find(sought: Sought): Promise<readonly string[]> {
    const announcement = await this.#read(sought);
    const nowMs = this.#clock.nowMs();
    if (announcement === null || announcement.expiresMs <= nowMs) return [];
    // An honest node never claims longer: what is replayed dies soon.
    if (announcement.expiresMs > nowMs + ANNOUNCEMENT_LIFE_MS)
      throw this.#refused(sought.node, "is valid for longer than announcements are: set the clocks of both nodes");
    if (announcement.sequence < (this.#sequences.get(sought.node) ?? 0))
      throw this.#refused(sought.node, "is older than what this node announced before: somebody put it back");
    this.#sequences.set(sought.node, announcement.sequence);
    return announcement.addresses;
  }

  /** A restarted node goes on where it was, also when the clock was set back meanwhile. */
  async #lastSequence({ node, seed, rosterHash }: Announcer): Promise<number> {
    const known = this.#sequences.get(node);
    if (known !== undefined) return known;
    try {
      return (await this.#read({ node, rosterHash, peerKey: publicKeyOf(seed) }))?.sequence ?? 0;
    } catch (error) {
      // What lies there is replaced now, whatever it is.
      if (error instanceof RegistryRefused) return 0;
      throw error;
    }
  }

  async #read({ node, peerKey, rosterHash }: Sought): Promise<Announcement | null> {
    const path = this.#path(node);
    const file = await this.#opened(path);
    if (file === null) return null;
    try {
      const { size } = await checkedFile(file, path);
      if (size > MAX_FILE_BYTES) throw this.#refused(node, "is too long for an announcement");
      const buffer = Buffer.alloc(MAX_FILE_BYTES);
      const { bytesRead } = await file.read(buffer, 0, MAX_FILE_BYTES, 0);
      const text = buffer.toString("utf8", 0, bytesRead);
      return readAnnouncement(text, { node, peerKey, rosterHash });
    } catch (error) {
      if (error instanceof RegistryRefused && !error.message.includes(path)) throw this.#refused(node, error.message);
      throw error;
    } finally {
      await file.close();
    }
  }

  async #opened(path: string): Promise<FileHandle | null> {
    try {
      await this.#checkFolder();
      // Not through a link, and not waiting for the other end of a pipe.
      return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return null;
      if (code === "ELOOP") throw new RegistryRefused(`${path} is a link, and not followed: remove it`);
      throw error;
    }
  }

  async #replace(node: NodeId, text: string): Promise<void> {
    const temporary = `${this.#path(node)}.${randomBytes(8).toString("hex")}.new`;
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const file = await open(temporary, flags, 0o600);
      try {
        await file.writeFile(text);
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path(node));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async #checkFolder(): Promise<void> {
    const stats = await lstat(this.#folder);
    if (!stats.isDirectory())
      throw new RegistryRefused(`${this.#folder} is no folder: choose another for the registry`);
    checkOwner(stats.uid, this.#folder);
    if ((stats.mode & OTHERS) !== 0)
      throw new RegistryRefused(
        `${this.#folder} is open to other accounts. Run: chmod 700 ${JSON.stringify(this.#folder)}`,
      );
  }

  #path(node: NodeId): string {
    return join(this.#folder, `${node}.json`);
  }

  #refused(node: NodeId, what: string): RegistryRefused {
    return new RegistryRefused(`${this.#path(node)} ${what}`);
  }
}

async function checkedFile(file: FileHandle, path: string): Promise<{ readonly size: number }> {
  const stats = await file.stat();
  if (!stats.isFile()) throw new RegistryRefused(`${path} is no file: remove it`);
  checkOwner(stats.uid, path);
  if ((stats.mode & OTHERS) !== 0)
    throw new RegistryRefused(`${path} is open to other accounts. Run: chmod 600 ${JSON.stringify(path)}`);
  return { size: stats.size };
}

function checkOwner(uid: number, path: string): void {
  if (process.getuid !== undefined && uid !== process.getuid())
    throw new RegistryRefused(`${path} belongs to another account: choose a folder of your own`);
}
