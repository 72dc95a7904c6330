/** SCRAM-SHA-256 (RFC 5802, RFC 7677) as a client, without channel binding. */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

/** One login: first message, answer to the server's challenge, check of its proof. */
export class ScramClient {
  readonly #password: string;
  readonly #nonce: string;
  #authText = "";
  #saltedPassword: Buffer = Buffer.alloc(0);

  constructor(password: string, nonce: string = randomBytes(18).toString("base64")) {
    this.#password = password;
    this.#nonce = nonce;
  }

  /** The first message. */
  first(): string {
    return `n,,${this.#bareFirst()}`;
  }

  /** Answers the server's challenge. Throws when it is not for us. */
  answer(challenge: string): string {
    const fields = readFields(challenge);
    const nonce = fields.get("r") ?? "";
    const salt = Buffer.from(fields.get("s") ?? "", "base64");
    const iterations = Number(fields.get("i"));
    if (!nonce.startsWith(this.#nonce) || !(iterations > 0)) {
      throw new Error("the PostgreSQL behind sent a SCRAM challenge that is not for us");
    }
    this.#saltedPassword = pbkdf2Sync(
      this.#password.normalize("NFKC"),
      salt,
      iterations,
      32,
      "sha256",
    );
    const bare = `c=biws,r=${nonce}`;
    this.#authText = `${this.#bareFirst()},${challenge},${bare}`;
    const clientKey = hmac(this.#saltedPassword, "Client Key");
    const signature = hmac(createHash("sha256").update(clientKey).digest(), this.#authText);
    return `${bare},p=${xor(clientKey, signature).toString("base64")}`;
  }

  /** Checks that the server knows the password too. Throws when it does not. */
  verify(final: string): void {
    const expected = hmac(hmac(this.#saltedPassword, "Server Key"), this.#authText);
    const proof = Buffer.from(readFields(final).get("v") ?? "", "base64");
    if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) {
      throw new Error("the PostgreSQL behind could not prove that it knows the password");
    }
  }

  #bareFirst(): string {
    return `n=,r=${this.#nonce}`;
  }
}

function readFields(message: string): Map<string, string> {
  return new Map(message.split(",").map((part) => [part.slice(0, 1), part.slice(2)]));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));
}
