import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { signEd25519 } from "./ed25519.ts";

/** What stands before the 32 bytes of a key in its DER. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

describe("signatures of Ed25519", () => {
  it("are those of Node where the secret is as long as Node takes it", () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(bytes, fc.uint8Array({ maxLength: 100 }), (secret, message) => {
        const der = Buffer.concat([PKCS8, secret]);
        const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
        expect(createPublicKey(key).asymmetricKeyType).toBe("ed25519");
        const ours = signEd25519(secret, message);
        expect(ours.toString("hex")).toBe(sign(null, message, key).toString("hex"));
      }),
      { numRuns: 30 },
    );
  });

  // RFC 8032, 7.1, the first test.
  it("are those of the standard", () => {
    const secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    expect(signEd25519(Buffer.from(secret, "hex"), Buffer.alloc(0)).toString("hex")).toBe(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
  });
});
