/** Every bound of this adapter, with its reason. All of them are for an etcd that nobody trusts. */

/** From a request to the last byte of its answer. A majority answers within tens of milliseconds; an election takes two seconds. */
export const REQUEST_DEADLINE_MS = 3_000;
/** What this node says goodbye with must not hold up its end. */
export const FAREWELL_DEADLINE_MS = 500;

/** Longest answer to one question. A page that does not fit is asked for again with fewer keys. */
export const MAX_ANSWER_BYTES = 8 << 20;
/** Longest message of a watch: etcd cuts them at 1.5 MiB, which Base64 and field names make half as long again. */
export const MAX_WATCH_MESSAGE_BYTES = 4 << 20;
/** etcd's own words in an error, as far as they are shown. */
export const MAX_ERROR_TEXT = 200;

/** Keys of the first page of a listing, and of later ones if they turn out to be small. */
export const FIRST_PAGE_KEYS = 64;
export const MAX_PAGE_KEYS = 1_024;
/** Keys of one listing: every statement that a full roster may hold. Whoever has more is not our etcd. */
export const MAX_LISTED_KEYS = 300_000;

/** Statements that one node keeps in etcd at once. A busy hour of five nodes has some hundreds; older ones make room. */
export const MAX_HELD_STATEMENTS = 4_096;
/** And their bytes, here and in etcd, whose whole database has 2 GiB unless told otherwise. */
export const MAX_HELD_BYTES = 32 << 20;
/** Deletions that wait for an etcd that is away. What is not deleted expires. */
export const MAX_WAITING_DELETIONS = 4_096;
/** Writes under way at once: with 20 ms of round trip to a far etcd, 400 a second. */
export const PARALLEL_WRITES = 8;
/** Somebody keeps deleting what this node published: it is put back this often at least. */
export const LONGEST_RESTORE_MS = 10 * 60_000;

/** Statements share a lease for so long, so that thousands of them need few renewals. */
export const LEASE_SHARED_MS = 5 * 60_000;
/** A statement of a node that is gone stays so long: whoever was away for a restart or an upgrade still reads it. */
export const STATEMENT_TTL_S = 2 * 3_600;
/** And that of a running node so long, if its topic stays open. By then links have told everybody who has one. */
export const STATEMENT_LIFE_MS = 24 * 3_600_000;

/** How often a node shows that it lives, and sees by its own key that its watch does. */
export const BEAT_MS = 10_000;
/** Six beats: document 004 counts a node as away after a minute. */
export const PRESENCE_TTL_S = 60;
/** A watch that does not show this node's own beat for so long is dead or lies. */
export const STALL_MS = 15_000;
/** A watch is believed for so long, then everything is listed again, by another member: what one hid, it may show. */
export const RELIST_MS = 10 * 60_000;
/** Who else changes this node's own key so often in a row is a second process with this node's identity. */
export const TWIN_TAKEOVERS = 3;

/** Statements that are read in the long run, in a second, and at once. As much as from a peer. */
export const STATEMENTS_PER_SECOND = 2_000;
export const STATEMENTS_AT_ONCE = 4_096;
/** What the node had no use for counts as so many: a liar's flood costs 200 checked signatures a second and no more. */
export const WASTED_STATEMENTS = 10;
/** What the node had no use for is offered by so many listings in all, in case it came before what it belongs to. */
export const MAX_OFFERS = 3;
/** After a statement that the node could not read, everything is listed again so soon, then after twice as long, and so on. */
export const OFFER_AGAIN_MS = 5_000;
/** Digests of statements that were read, so that a repeat costs nothing: as many as a roster of 8 holds at once. */
export const MAX_REMEMBERED = 32_768;

/** First and longest wait before an etcd that failed is asked again. */
export const FIRST_RETRY_MS = 100;
export const LONGEST_RETRY_MS = 5_000;
/** The same report is not made twice within this time. */
export const REPORT_AGAIN_MS = 60_000;
/** Kinds of reports that are remembered for that. */
export const MAX_REMEMBERED_REPORTS = 256;
