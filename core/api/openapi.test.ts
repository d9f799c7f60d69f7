import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { COMMON_PROBLEMS, openApiDocument, OPERATIONS, problemName, PROBLEMS, problemType, routeOf } from "./index.ts";

/** As much of the document as is looked at here. */
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, { readonly properties: Record<string, object> }> };
}
interface Operation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<string, { readonly content: Record<string, { readonly schema: object }> }>;
}

const text = JSON.stringify(openApiDocument({ version: "0.1.0", serverUrl: "http://127.0.0.1:8080" }));
const document = JSON.parse(text) as Document;
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

describe("the OpenAPI document", () => {
  test("has every route once", () => {
    assert.equal(document.openapi, "3.1.0");
    assert.deepEqual(operations.map(({ operationId }) => operationId).sort(), [...OPERATIONS].sort());
    assert.ok(document.paths["/api/v1/transactions/{txid}"]?.["get"]);
  });

  test("asks for the token exactly where something changes", () => {
    for (const operation of operations) {
      const { access } = routeOf(operation.operationId as (typeof OPERATIONS)[number]);
      const expected = { open: [], read: [{ token: [] }, {}], change: [{ token: [] }] }[access];
      assert.deepEqual(operation.security, expected, operation.operationId);
    }
  });

  test("refers only to schemas that it has", () => {
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target ?? "");
    assert.ok(references.length > 10);
    for (const reference of references) {
      const name = reference.replace("#/components/schemas/", "");
      assert.ok(document.components.schemas[name], reference);
    }
  });

  test("describes amounts as whole numbers within range", () => {
    const amount = document.components.schemas["TransactionRequest"]?.properties["amount_sats"];
    assert.partialDeepStrictEqual(amount, { type: "integer", minimum: 1, maximum: 2_100_000_000_000_000 });
  });

  test("lists the parameters and whether they are needed", () => {
    const create = document.paths["/api/v1/transactions"]?.["post"];
    const list = document.paths["/api/v1/transactions"]?.["get"];
    assert.deepEqual(
      create?.parameters.map(({ name, in: place, required }) => [name, place, required]),
      [["Idempotency-Key", "header", false]],
    );
    assert.deepEqual(
      list?.parameters.map(({ name, required }) => [name, required]),
      [
        ["limit", false],
        ["cursor", false],
        ["state", false],
      ],
    );
  });

  test("names every problem of every route", () => {
    for (const { operationId, responses } of operations) {
      const { problems } = routeOf(operationId as (typeof OPERATIONS)[number]);
      for (const name of [...problems, ...COMMON_PROBLEMS]) {
        const answer = responses[PROBLEMS[name].status];
        assert.match(JSON.stringify(answer), new RegExp(`${name}: `), `${operationId} ${name}`);
        assert.ok(answer?.content["application/problem+json"]);
      }
    }
  });
});

test("a problem's type and name lead to each other, and other types to nothing", () => {
  for (const name of Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[])
    assert.equal(problemName(problemType(name)), name);
  assert.equal(problemName("about:blank"), undefined);
  assert.equal(problemName("urn:conclave:problem:constructor"), undefined);
});
