/** The API as an OpenAPI 3.1 document, made from the table of routes. */
import { z } from "zod";
import {
  acknowledgedSpend,
  acknowledgeRequest,
  clusterNode,
  clusterStatus,
  deadEdge,
  nodePage,
  rekeying,
  rekeyRequest,
} from "./cluster.ts";
import { health, readiness } from "./health.ts";
import { key, keyPage, keyRequest, keyUnderWay, presigning, presignRequest, requestedKey } from "./key.ts";
import { message, messageRequest } from "./message.ts";
import { problem, PROBLEM_MEDIA_TYPE, PROBLEMS, type ProblemName } from "./problem.ts";
import { COMMON_PROBLEMS, idempotencyKey, OPERATIONS, routeOf, type Operation, type Route } from "./routes.ts";
import { transaction, transactionPage, transactionRequest } from "./transaction.ts";
import { accountBalance, balance, walletAddress } from "./wallet.ts";

/** JSON, as far as a document holds it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const NAMED = {
  AccountBalance: accountBalance,
  AcknowledgeRequest: acknowledgeRequest,
  AcknowledgedSpend: acknowledgedSpend,
  Address: walletAddress,
  Balance: balance,
  ClusterNode: clusterNode,
  ClusterStatus: clusterStatus,
  DeadEdge: deadEdge,
  Health: health,
  Key: key,
  KeyPage: keyPage,
  KeyRequest: keyRequest,
  KeyUnderWay: keyUnderWay,
  Message: message,
  MessageRequest: messageRequest,
  NodePage: nodePage,
  PresignRequest: presignRequest,
  Presigning: presigning,
  Problem: problem,
  Readiness: readiness,
  RekeyRequest: rekeyRequest,
  Rekeying: rekeying,
  RequestedKey: requestedKey,
  Transaction: transaction,
  TransactionPage: transactionPage,
  TransactionRequest: transactionRequest,
} as const;

const COMPONENTS = "#/components/schemas/";

/** The document for a node of this `version`, reached at `serverUrl`. Plain data, ready for `JSON.stringify`. */
export function openApiDocument({
  version,
  serverUrl,
}: {
  readonly version: string;
  readonly serverUrl: string;
}): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of OPERATIONS) {
    const route = routeOf(operation);
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = describe(operation, route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Conclave",
      version,
      description: "One node of a threshold-signing Bitcoin wallet. Amounts are whole satoshis.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: serverUrl }],
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "The content of the node's api-token file" },
      },
    },
  };
}

function describe(operation: Operation, route: Route): Json {
  const { success } = route;
  return {
    operationId: operation,
    summary: route.summary,
    ...security(route),
    parameters: parameters(route),
    ...(route.body
      ? { requestBody: { required: true, content: { "application/json": { schema: reference(route.body) } } } }
      : {}),
    responses: {
      [success.status]: {
        description: success.description,
        content: { "application/json": { schema: reference(success.schema) } },
        ...(success.location ? { headers: { Location: { schema: { type: "string" } } } } : {}),
      },
      ...problemResponses([...route.problems, ...COMMON_PROBLEMS]),
    },
  };
}

function security({ access }: Route): Record<string, Json> {
  if (access === "open") return { security: [] };
  // An empty requirement means: also without, which holds for reads on the node's own machine.
  return { security: access === "change" ? [{ token: [] }] : [{ token: [] }, {}] };
}

function parameters(route: Route): Json[] {
  const fields = (place: string, schema: z.ZodObject | undefined): Json[] =>
    Object.entries(schema?.shape ?? {}).map(([name, field]) => ({
      name,
      in: place,
      required: place === "path" || !z.safeParse(field, undefined).success,
      schema: jsonSchema(field as z.ZodType, "input"),
    }));
  const key = { name: "Idempotency-Key", in: "header", required: false, schema: jsonSchema(idempotencyKey, "input") };
  return [...fields("path", route.params), ...fields("query", route.query), ...(route.idempotent ? [key] : [])];
}

/** Problems by status, since several can share one. */
function problemResponses(names: readonly ProblemName[]): Record<string, Json> {
  const byStatus = new Map<number, ProblemName[]>();
  for (const name of names) byStatus.set(PROBLEMS[name].status, [...(byStatus.get(PROBLEMS[name].status) ?? []), name]);
  const responses = [...byStatus].map(([status, names]) => [
    status,
    {
      description: names.map((name) => `${name}: ${PROBLEMS[name].title}.`).join(" "),
      content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: `${COMPONENTS}Problem` } } },
    },
  ]);
  return Object.fromEntries(responses) as Record<string, Json>;
}

function reference(schema: z.ZodObject): Json {
  const name = Object.entries(NAMED).find(([, named]) => named === schema)?.[0];
  return name === undefined ? jsonSchema(schema, "output") : { $ref: `${COMPONENTS}${name}` };
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io }) as Record<string, Json>;
  return rest;
}

/** Named schemas refer to each other by name. */
function components(): Record<string, Json> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: "output", uri: (id) => `${COMPONENTS}${id}` });
  const bare = Object.entries(schemas).map(([id, schema]) => {
    const { $schema: _, $id: __, ...rest } = schema as Record<string, Json>;
    return [id, rest];
  });
  return Object.fromEntries(bare) as Record<string, Json>;
}
