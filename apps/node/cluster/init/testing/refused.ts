/** What a refusal has to be: of this kind, and saying this. */
import assert from "node:assert/strict";

export const refused =
  (name: string, words: RegExp) =>
  (error: Error): true => {
    assert.match(error.message, words);
    assert.equal(error.name, name);
    return true;
  };
