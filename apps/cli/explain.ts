/** What a failure means for the user: a sentence with a way out, and an exit code. */
import { ApiAnswerInvalid, ApiProblem, ApiUnreachable, type ProblemName } from "@conclave/api";
import { EXIT, CliError, type ExitCode } from "./exit.ts";

const EXIT_OF: { readonly [P in ProblemName]?: ExitCode } = {
  "refused-by-policy": EXIT.refused,
  "fee-too-high": EXIT.refused,
  "approval-refused": EXIT.refused,
  "max-fee-too-low": EXIT.refused,
  "digests-not-allowed": EXIT.refused,
  "message-refused": EXIT.refused,
  "request-timeout": EXIT.timeout,
  unauthorized: EXIT.usage,
  "route-not-found": EXIT.usage,
  "parameters-invalid": EXIT.usage,
  "cursor-invalid": EXIT.usage,
  "txid-ambiguous": EXIT.usage,
  "request-invalid": EXIT.usage,
  "recipient-invalid": EXIT.usage,
  "amount-below-dust": EXIT.usage,
  "fee-too-low": EXIT.usage,
  "idempotency-key-reused": EXIT.usage,
  "host-refused": EXIT.usage,
  "key-not-found": EXIT.usage,
  "presign-refused": EXIT.usage,
  "rekey-refused": EXIT.usage,
  "not-frozen": EXIT.usage,
  "too-many-requests": EXIT.notReady,
};

/** What programs that call the API need to know says nothing to people who type a command. */
const IN_PLACE: { readonly [P in ProblemName]?: string } = {
  unauthorized:
    "The node does not take this API token, or asks for one: --data names the folder of the network at this address, which holds its file api-token.",
  "route-not-found":
    "A node answers there, and not below that path: give --api-endpoint without one, such as http://127.0.0.1:8080.",
};

/** The same failure as a `CliError`. Mistakes of ours get code 1 and their message. */
export function explain(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ApiProblem) return explainProblem(error);
  if (error instanceof ApiUnreachable) return explainSilence(error);
  if (error instanceof ApiAnswerInvalid)
    return new CliError(EXIT.failed, "answer-invalid", error.message, { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(EXIT.failed, "internal", `This is a mistake in conclave itself: ${message}`, { cause: error });
}

function explainProblem(error: ApiProblem): CliError {
  const { problem, body } = error;
  const code = (problem && EXIT_OF[problem]) ?? (body.status === 503 ? EXIT.notReady : EXIT.failed);
  const trace = body.status === 500 ? ` Trace id: ${body.trace_id}.` : "";
  const text = `${(problem && IN_PLACE[problem]) ?? body.detail}${trace}`;
  return new CliError(code, problem ?? body.type, text, { cause: error });
}

function explainSilence(error: ApiUnreachable): CliError {
  const { baseUrl, cause } = error;
  if ((cause as Error | undefined)?.name === "TimeoutError") {
    return new CliError(
      EXIT.timeout,
      "timeout",
      `The node at ${baseUrl} did not answer in time: is it busy? Try again.`,
      { cause: error },
    );
  }
  const code = networkCode(cause);
  if (baseUrl.startsWith("https:") && code?.startsWith("ERR_SSL_") === true)
    return new CliError(
      EXIT.usage,
      "unreachable",
      `What answers at ${baseUrl} does not speak TLS (${code}): is it http:// on this machine?`,
      { cause: error },
    );
  const [what, advice] =
    code === "ENOTFOUND" || code === "EAI_AGAIN"
      ? [`The host of ${baseUrl} is not known`, "check the address given with --api-endpoint"]
      : [
          `No node answers at ${baseUrl}${code === undefined || code === "ECONNREFUSED" ? "" : ` (${code})`}`,
          'start it with "npm start", or name another with --api-endpoint',
        ];
  return new CliError(EXIT.notReady, "unreachable", `${what}: ${advice}.`, { cause: error });
}

/** The system's code, which fetch wraps in an error of its own. */
function networkCode(cause: unknown): string | undefined {
  for (let error = cause; error instanceof Error; error = error.cause) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined) return code;
  }
  return undefined;
}
