import type { Started } from "../../packages/dynamodb-local/src/testing/clients.ts";
import {
  iteratorOf,
  makeTable,
  shardsOf,
} from "../../packages/dynamodb-local/src/testing/clients.ts";

/** An answer of GetRecords as it came over the wire: new items of some 350 bytes. */
export async function recordedPage(source: Started, records: number): Promise<string> {
  const { dynamodb, streams, local } = source;
  const arn = await makeTable(dynamodb, "recorded", {
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
  });
  for (let n = 0; n < records; n += 25)
    await dynamodb.batchWriteItem({
      RequestItems: {
        recorded: Array.from({ length: Math.min(25, records - n) }, (_, i) => ({
          PutRequest: { Item: itemOf(n + i) },
        })),
      },
    });
  const [shard] = await shardsOf(streams, arn);
  const iterator = await iteratorOf(streams, arn, shard?.ShardId ?? "");
  const answer = await fetch(local.url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "DynamoDBStreams_20120810.GetRecords",
      authorization:
        "AWS4-HMAC-SHA256 Credential=test/20261122/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
      "x-amz-date": new Date().toISOString().replaceAll(/[-:]|\.\d+/g, ""),
    },
    body: JSON.stringify({ ShardIterator: iterator, Limit: records }),
  });
  if (!answer.ok) throw new Error(`GetRecords: ${answer.status} ${await answer.text()}`);
  return answer.text();
}

function itemOf(n: number) {
  return {
    id: { S: `order-${String(n).padStart(9, "0")}` },
    customer: { S: `customer ${n % 997}` },
    total: { N: `${n % 1_000}.${n % 97}1` },
    paid: { BOOL: n % 3 === 0 },
    note: { S: "leave it at the door, please" },
    tags: { SS: ["new", `t${n % 31}`] },
    address: { M: { city: { S: "Köln" }, zip: { S: String(10_000 + (n % 80_000)) } } },
    lines: { L: [{ M: { sku: { S: `sku-${n % 211}` }, n: { N: "2" } } }] },
    version: { N: String(n) },
  };
}
