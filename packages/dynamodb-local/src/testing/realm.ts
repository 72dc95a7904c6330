/** A realm without ports, for tests that call handlers themselves. */
import { Clock } from "../clock.ts";
import type { Call } from "../call.ts";
import { FaultBook } from "../control/faults.ts";
import { handlers } from "../handlers.ts";
import type { Fields } from "../json.ts";
import { settingsOf, type DynamodbLocalOptions } from "../options.ts";
import { Realm } from "../realm.ts";

/** One, with options of one's own. */
export function realmFor(options: DynamodbLocalOptions = {}): Realm {
  const settings = settingsOf({ shards: 1, ...options });
  return new Realm({ account: "123456789012", region: "eu-west-1", clock: new Clock(), settings });
}

/** Calls an action as a client would, without HTTP. */
export async function ask(realm: Realm, action: string, request: Fields): Promise<Fields> {
  const handler = handlers["DynamoDB_20120810"]?.[action];
  if (handler === undefined) throw new Error(`There is no ${action}`);
  const principal: Call["principal"] = {
    account: realm.account,
    arn: "arn:aws:iam::123456789012:user/test",
    userId: "test",
    accessKeyId: "test",
    secretAccessKey: undefined,
  };
  return handler({ realm, principal, action, request, faults: new FaultBook([]) });
}
