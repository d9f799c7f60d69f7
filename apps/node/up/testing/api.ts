/** A node's HTTP API as a stranger sees it: plain requests, nothing checked on the way out. */
import type {
  Balance,
  ClusterStatus,
  NodePage,
  Problem,
  Transaction,
  TransactionPage,
  WalletAddress,
} from "@conclave/api";

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

export interface Api {
  readonly url: string;
  /** `POST /api/v1/transactions` with the token. `headers` replaces, and an empty value takes away. */
  pay(body: unknown, key: string, headers?: Readonly<Record<string, string>>): Promise<Answer<Transaction & Problem>>;
  payment(txid: string): Promise<Transaction>;
  payments(): Promise<readonly Transaction[]>;
  balance(): Promise<Balance>;
  address(): Promise<WalletAddress>;
  status(): Promise<ClusterStatus>;
  nodes(): Promise<NodePage["items"]>;
}

export function apiAt(url: string, token: string): Api {
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${url}${path}`);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    url,
    async pay(body, key, headers = {}) {
      const all = {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "idempotency-key": key,
        ...headers,
      };
      const response = await fetch(`${url}/api/v1/transactions`, {
        method: "POST",
        headers: Object.entries(all).filter(([, value]) => value !== ""),
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as Transaction & Problem };
    },
    payment: (txid) => get(`/api/v1/transactions/${txid}`),
    payments: async () => (await get<TransactionPage>("/api/v1/transactions?limit=100")).items,
    balance: () => get("/api/v1/wallet/balance"),
    address: () => get("/api/v1/wallet/address"),
    status: () => get("/api/v1/cluster/status"),
    nodes: async () => (await get<NodePage>("/api/v1/cluster/nodes")).items,
  };
}
