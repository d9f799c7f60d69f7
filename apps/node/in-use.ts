/** Another process holds what this one needs: a data folder, a vault, a journal. Names it and says what to do. */
export class InUse extends Error {
  override readonly name = "InUse";
}
