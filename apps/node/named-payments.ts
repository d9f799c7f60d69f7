/** Payments are named by their ids, or by as much of one as logs and consoles print. */
import { ServiceError, type NodeService } from "@conclave/api";
import type { Cursor, Transactions } from "@conclave/node";

const WHOLE_DIGITS = 64;
/** Rows read at a time: the store's largest page. Thousands of payments are a few reads. */
const PAGE = 500;
/** Ids shown of those that begin alike. */
const SHOWN = 3;

/**
 * The same service, whose payments may be looked at by the beginning of an id. Throws `txid-ambiguous` besides what it throws. What
 * decides about a payment takes the whole id: another that begins alike is a matter of minutes for whoever wants one.
 */
export function namingPayments(service: NodeService, payments: Pick<Transactions, "list">): NodeService {
  return {
    ...service,
    transaction: async (input) => service.transaction({ ...input, txid: await wholeTxid(payments, input.txid) }),
  };
}

/** Throws `transaction-not-found` or `txid-ambiguous`; whether a whole id is a payment's is not looked at. */
async function wholeTxid(payments: Pick<Transactions, "list">, named: string): Promise<string> {
  if (named.length === WHOLE_DIGITS) return named;
  const found: string[] = [];
  let after: Cursor | null | undefined;
  while (after !== null) {
    const { rows, next } = await payments.list({ limit: PAGE, ...(after !== undefined && { after }) });
    found.push(...rows.flatMap(({ txid }) => (txid.startsWith(named) ? [txid] : [])));
    after = next;
  }
  const [only, ...others] = found;
  if (only === undefined)
    throw new ServiceError("transaction-not-found", `This node knows no payment whose id begins with ${named}.`);
  if (others.length === 0) return only;
  const ids = found.toSorted().slice(0, SHOWN).join(", ");
  throw new ServiceError(
    "txid-ambiguous",
    `The ids of ${found.length} payments begin with ${named}: give more digits of ${ids}${found.length > SHOWN ? ", …" : ""}.`,
  );
}
