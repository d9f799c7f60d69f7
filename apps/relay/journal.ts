export interface Journal {
  keep(bytes: Uint8Array, untilSecond: number): void;
  forget(signature: string): void;
  tidy(mailroom: unknown): void;
  close(): void;
}
