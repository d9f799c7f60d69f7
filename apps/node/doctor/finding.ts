/** What a doctor finds, line by line. */

/** `warning`: it works today. Only what failed makes the command fail. */
export type Status = "ok" | "warning" | "failed";

export interface Finding {
  /** What was looked at. */
  readonly check: string;
  readonly status: Status;
  /** What was found. Never a secret. */
  readonly detail: string;
  /** What mends it; null for what is well. */
  readonly fix: string | null;
}

export const ok = (check: string, detail: string): Finding => ({ check, status: "ok", detail, fix: null });
export const warning = (check: string, detail: string, fix: string): Finding => ({
  check,
  status: "warning",
  detail,
  fix,
});
export const failed = (check: string, detail: string, fix: string): Finding => ({
  check,
  status: "failed",
  detail,
  fix,
});

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
