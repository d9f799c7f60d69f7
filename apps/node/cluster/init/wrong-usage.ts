/** Options that do not fit together, or name nothing. The message says which would do. */
export class WrongUsage extends Error {
  override readonly name = "WrongUsage";
}
