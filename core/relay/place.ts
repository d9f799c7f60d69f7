/** Where messages are and questions wait: an id, as a single message or as a mailbox. The two never meet under one id. */
import { fromHex, toHex } from "@conclave/bytes";
import { encodeHeader, FLAG_MAILBOX, ID_BYTES, type Header } from "./header.ts";

/** The id in hexadecimal; a mailbox has a mark behind it. */
export type Place = string;

const MAILBOX_MARK = "+";

export const isMailbox = ({ flags }: Pick<Header, "flags">): boolean => (flags & FLAG_MAILBOX) !== 0;

export const placeOf = (header: Header): Place => toHex(header.id) + (isMailbox(header) ? MAILBOX_MARK : "");

/** The frame that asks at a place for so long. */
export const questionAt = (place: Place, ttlSeconds: number): Uint8Array =>
  encodeHeader({
    id: fromHex(place.slice(0, 2 * ID_BYTES)),
    ttlSeconds,
    flags: place.endsWith(MAILBOX_MARK) ? FLAG_MAILBOX : 0,
  });
