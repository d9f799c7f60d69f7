/** A mailroom with a clock that tests turn, and what it says in words. */
import { CodecError } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import { decodeHeader } from "../header.ts";
import type { MailroomLimits } from "../limits.ts";
import { Mailroom, type Effect, type Published } from "../mailroom.ts";

export class Post {
  readonly mailroom: Mailroom;
  nowMs = 5_000_000;

  constructor(engine: Engine, limits: Partial<MailroomLimits> = {}) {
    this.mailroom = new Mailroom({ engine, limits });
  }

  client(source = "somewhere"): number {
    return this.mailroom.connect({ source, peer: false });
  }

  peer(source = "elsewhere"): number {
    return this.mailroom.connect({ source, peer: true });
  }

  frame(from: number, bytes: Uint8Array): readonly Effect[] {
    return this.mailroom.frame(from, bytes, this.nowMs).effects;
  }

  publish(from: number, bytes: Uint8Array): Published {
    return this.mailroom.publish(from, bytes, this.nowMs);
  }

  wait(seconds: number): Effect[] {
    this.nowMs += seconds * 1_000;
    return this.mailroom.tick(this.nowMs);
  }
}

/** To whom messages went, in order. */
export const receivers = (effects: readonly Effect[]): readonly number[] =>
  effects.flatMap((effect) => (effect.kind === "deliver" ? [effect.to] : []));

export const refusals = (effects: readonly Effect[]): readonly string[] =>
  effects.flatMap((effect) => (effect.kind === "refuse" ? [effect.error] : []));

/** For how many seconds the peers were asked. */
export const forwards = (effects: readonly Effect[]): readonly number[] =>
  effects.flatMap((effect) => (effect.kind === "forward" ? [decodeHeader(effect.frame).ttlSeconds] : []));

/** True if the bytes are no header. */
export function isNoHeader(bytes: Uint8Array): boolean {
  try {
    decodeHeader(bytes);
    return false;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return true;
  }
}
