/** Writes of items and transactions: what dynalite does not refuse by itself. */
import type { Rule } from "./rule.ts";

/** The numbers of transactions and of throughput. */
export const itemBounds = {
  transactionActions: 100,
  transactionBytes: 4 * 1_048_576,
  tokenLifeMs: 10 * 60_000,
  burstSeconds: 300,
} as const;

/** Rows keyed by a short name. */
export const itemRules = {
  throughput: {
    code: "ProvisionedThroughputExceededException",
    text: "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
    source: "DG",
    fidelity: "exact",
    kept: "only with `throttle`: a bucket of 300 s of the table's units, by the units that dynalite counts",
  },
  onDemandThroughput: {
    code: "ThrottlingException",
    text: "Throughput exceeds the maximum OnDemandThroughput configured on table or index",
    source: "DG",
    fidelity: "close",
    kept: "only with `throttle`, where the table has OnDemandThroughput",
  },
  transactionCancelled: {
    code: "TransactionCanceledException",
    text: "Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
    source: "API, I",
    fidelity: "exact",
    kept: "a condition that fails, or an item that cannot be written; nothing is written then",
  },
  transactionTwice: {
    code: "ValidationException",
    text: "Transaction request cannot include multiple operations on one item",
    source: "API, I",
    fidelity: "exact",
    kept: "TransactWriteItems",
  },
  transactionAction: {
    code: "ValidationException",
    text: "TransactItems can only contain one of Check, Put, Update or Delete",
    source: "I",
    fidelity: "exact",
    kept: "TransactWriteItems",
  },
  keySchema: {
    code: "ValidationException",
    text: "The provided key element does not match the schema",
    source: "DY",
    fidelity: "exact",
    kept: "TransactWriteItems, TransactGetItems",
  },
  transactionSize: {
    code: "ValidationException",
    text: "Transaction request size exceeds 4 MB",
    source: "DG",
    fidelity: "close",
    kept: "TransactWriteItems, by the sizes of the items put; the text is ours",
  },
  tokenMismatch: {
    code: "IdempotentParameterMismatchException",
    text: "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used.",
    source: "API",
    fidelity: "close",
    kept: "TransactWriteItems with a token of the last ten minutes and another request",
  },
  transactionInProgress: {
    code: "TransactionInProgressException",
    text: "The transaction with the given request token is already in progress.",
    source: "API",
    fidelity: "exact",
    kept: "TransactWriteItems with the token of one that has not been answered",
  },
} as const satisfies Record<string, Rule>;
