import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { HttpResponse } from "@smithy/core/protocols";

/** An answer of DynamoDB's with this body. */
export function answerOf(body: Uint8Array): HttpResponse {
  const headers = { "content-type": "application/x-amz-json-1.0", date: new Date().toUTCString() };
  return new HttpResponse({ statusCode: 200, headers, body });
}

/** Reads a Scan's page by the SDK, with everything but a network; tells how many items there were. */
export function sdkReader(body: Uint8Array): () => Promise<number> {
  const client = new DynamoDBClient({
    region: "eu-west-1",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    requestHandler: { handle: () => Promise.resolve({ response: answerOf(body) }) },
  });
  return async () => {
    const { Items } = await client.send(new ScanCommand({ TableName: "orders" }));
    return Items?.length ?? 0;
  };
}
