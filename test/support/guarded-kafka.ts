/** A broker with an authorizer: its user `alice` may do what she was given, and nothing else. */
import { pbkdf2Sync, randomBytes } from "node:crypto";
import {
  AclOperations,
  AclPermissionTypes,
  alterUserScramCredentialsV0,
  createAclsV3,
  deleteAclsV3,
  ResourcePatternTypes,
  ResourceTypes,
} from "@platformatic/kafka";
import { clusterAt } from "../../packages/millrace/src/kafka/cluster.fixture.ts";
import type { Cluster } from "../../packages/millrace/src/kafka/cluster.ts";
import { startKafka } from "./kafka.ts";

const SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
/** As Kafka numbers them. */
const SCRAM_MECHANISMS = {
  "SCRAM-SHA-256": { mechanism: 1, bytes: 32, digest: "sha256" },
  "SCRAM-SHA-512": { mechanism: 2, bytes: 64, digest: "sha512" },
} as const;
const ITERATIONS = 4096;

/** The login of the user whose rights are given and taken. */
export const ALICE = {
  mechanism: "SCRAM-SHA-512",
  username: "alice",
  password: "secret",
} as const;

/** Something that alice may do with whatever begins with a name. */
export interface Right {
  readonly on: "TOPIC" | "TRANSACTIONAL_ID" | "GROUP" | "CLUSTER";
  readonly name: string;
  readonly operation: keyof typeof AclOperations;
}

/** A broker, its administrator, and alice's rights. */
export interface GuardedKafka extends AsyncDisposable {
  /** Where whoever needs no login may do everything. */
  readonly bootstrap: string;
  /** Where alice logs in. */
  readonly guarded: string;
  readonly admin: Cluster;
  give(...rights: readonly Right[]): Promise<void>;
  take(...rights: readonly Right[]): Promise<void>;
}

/** Starts the broker; it ends with the process that started it. */
export async function startGuardedKafka(): Promise<GuardedKafka> {
  const kafka = await startKafka({
    listeners: ["SASL_PLAINTEXT"],
    settings: {
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS",
      "sasl.enabled.mechanisms": "SCRAM-SHA-512",
      "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": SCRAM,
    },
  });
  const admin = clusterAt(kafka.bootstrap);
  await addScramUser(admin, ALICE.username, ALICE.password);
  return {
    bootstrap: kafka.bootstrap,
    guarded: kafka.addresses("SASL_PLAINTEXT"),
    admin,
    give: async (...rights) => {
      await admin.askController(createAclsV3.api, rights.map(ruleOf));
    },
    take: async (...rights) => {
      await admin.askController(deleteAclsV3.api, rights.map(ruleOf));
    },
    [Symbol.asyncDispose]: async () => {
      await admin.close();
      await kafka.stop();
    },
  };
}

/** Makes a user who logs in so. */
export async function addScramUser(
  admin: Cluster,
  name: string,
  password: string,
  by: keyof typeof SCRAM_MECHANISMS = "SCRAM-SHA-512",
): Promise<void> {
  const { mechanism, bytes, digest } = SCRAM_MECHANISMS[by];
  const salt = randomBytes(16);
  const saltedPassword = pbkdf2Sync(password, salt, ITERATIONS, bytes, digest);
  const user = { name, mechanism, iterations: ITERATIONS, salt, saltedPassword };
  await admin.askController(alterUserScramCredentialsV0.api, [], [user]);
}

function ruleOf({ on, name, operation }: Right) {
  return {
    resourceType: ResourceTypes[on],
    resourceName: name,
    resourcePatternType:
      on === "CLUSTER" ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED,
    principal: "User:alice",
    host: "*",
    operation: AclOperations[operation],
    permissionType: AclPermissionTypes.ALLOW,
  };
}
