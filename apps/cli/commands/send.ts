/** `send`: asks the cluster to pay, once, and waits for the outcome if told to. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ApiProblem,
  ApiUnreachable,
  STATES,
  type Client,
  type Transaction,
  type TransactionState,
} from "@conclave/api";
import { parseAmount, parseFeeRate, printSats } from "../amount.ts";
import { openWriter } from "../connection.ts";
import type { Action, Context } from "../context.ts";
import { CliError, EXIT, type ExitCode } from "../exit.ts";
import { explain } from "../explain.ts";
import { visible } from "../table.ts";
import { lookAgain, parseWaitSeconds } from "../waiting.ts";
import { renderTransaction } from "./transactions.ts";
import { parseAccount } from "./wallet.ts";

interface SendOptions {
  readonly to: string;
  readonly amount: string;
  readonly feeRate?: string;
  readonly metadata?: string;
  readonly account?: string;
  readonly wait?: "broadcasting" | "confirmed";
  readonly waitTimeout: string;
  readonly idempotencyKey?: string;
  readonly yes?: true;
}

/** Between two looks at a payment. */
const POLL_MS = 500;

export const send: Action<SendOptions> = async (context, options) => {
  const body = {
    recipient: options.to,
    amount_sats: parseAmount(options.amount),
    ...(options.feeRate === undefined ? {} : { fee_rate: parseFeeRate(options.feeRate) }),
    ...(options.metadata === undefined ? {} : { metadata: options.metadata }),
    ...(options.account === undefined ? {} : { account: parseAccount(options.account) }),
  };
  const waitSeconds = parseWaitSeconds(options.waitTimeout);
  const client = openWriter(context.settings);
  if (
    context.out.interactive &&
    !options.yes &&
    !(await confirmed(`Pay ${printSats(body.amount_sats)} to ${visible(body.recipient)}?`))
  ) {
    throw new CliError(EXIT.failed, "cancelled", "Nothing was sent.");
  }
  const taken = await createOnce(client, { body, idempotencyKey: options.idempotencyKey ?? randomUUID() });
  const payment = options.wait ? await waitFor(context, client, taken, { goal: options.wait, waitSeconds }) : taken;
  context.out.result(payment, (look) => renderTransaction(payment, look));
  return options.wait ? judge(payment, options.wait) : EXIT.ok;
};

async function confirmed(question: string): Promise<boolean> {
  const { confirm } = await import("@clack/prompts");
  return (await confirm({ message: question, initialValue: false })) === true;
}

/** Where it is not known whether the node took the payment, the user is told how to ask again without paying twice. */
async function createOnce(client: Client, request: Parameters<Client["createTransaction"]>[0]): Promise<Transaction> {
  try {
    return await client.createTransaction(request);
  } catch (error) {
    const refused = error instanceof ApiProblem && error.body.status !== 500;
    const { exitCode, problem, message } = explain(error);
    if (refused || (error instanceof ApiUnreachable && exitCode === EXIT.notReady && neverLeft(error))) throw error;
    throw new CliError(
      exitCode,
      problem,
      `${message} It is not known whether the payment was taken. To make sure without paying twice, send the same again with --idempotency-key ${request.idempotencyKey}`,
      { cause: error },
    );
  }
}

/** True if no connection was made, so that the node cannot have heard of the payment. */
function neverLeft(error: ApiUnreachable): boolean {
  const { code } = ((error.cause as Error | undefined)?.cause ?? {}) as NodeJS.ErrnoException;
  return code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EAI_AGAIN";
}

/** Looks until the payment has reached `goal` or cannot any more. Throws `CliError` (timeout) when the time is up. */
async function waitFor(
  { out }: Context,
  client: Client,
  taken: Transaction,
  { goal, waitSeconds }: { readonly goal: TransactionState; readonly waitSeconds: number },
): Promise<Transaction> {
  const endMs = performance.now() + waitSeconds * 1000;
  let payment = taken;
  let shown: TransactionState | undefined;
  while (!isOver(payment.state, goal)) {
    if (payment.state !== shown) out.note(`${payment.state} …`);
    shown = payment.state;
    if (performance.now() > endMs) {
      throw new CliError(
        EXIT.timeout,
        "wait-timeout",
        `The payment ${payment.txid} is still ${payment.state} after ${waitSeconds} s. It goes on: look with "conclave tx status ${payment.txid}", and do not pay again.`,
      );
    }
    await sleep(POLL_MS);
    payment = await lookAgain(() => client.transaction({ txid: taken.txid }), payment);
  }
  return payment;
}

const isOver = (state: TransactionState, goal: TransactionState): boolean =>
  STATES[state].final || state === "unresolved" || state === goal;

/** The exit code of an outcome. Throws `CliError` with the reason if it is not the one hoped for. */
function judge(payment: Transaction, goal: TransactionState): ExitCode {
  if (payment.state === goal || payment.state === "confirmed") return EXIT.ok;
  const reason = payment.reason === null ? "" : ` ${payment.reason}`;
  const again = payment.settled ? "" : " Its outcome can still change: do not pay again before it is settled.";
  const ended = (code: ExitCode, what: string): CliError =>
    new CliError(code, payment.state.replaceAll("_", "-"), `${what}${reason}${again}`);
  switch (payment.state) {
    case "rejected":
      throw ended(EXIT.refused, "The nodes rejected the payment.");
    case "aborted_timeout":
      throw ended(EXIT.timeout, "The payment was given up: time ran out.");
    case "unresolved":
      throw ended(EXIT.timeout, "The payment expired, but it may still be completed.");
    case "aborted_byzantine":
      throw ended(EXIT.byzantine, "The payment was aborted: too many nodes contradicted themselves.");
    default:
      throw ended(EXIT.failed, `The payment is ${payment.state}.`);
  }
}
