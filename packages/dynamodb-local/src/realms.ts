/** All realms of a stand-in; one comes to be when somebody asks for it. */
import type { Clock } from "./clock.ts";
import type { Settings } from "./options.ts";
import { Realm } from "./realm.ts";

/** Realms by account and region. */
export class Realms {
  readonly #settings: Settings;
  readonly #clock: Clock;
  #realms = new Map<string, Realm>();

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  of(account: string, region: string): Realm {
    const name = `${account}/${region}`;
    const known = this.#realms.get(name);
    if (known !== undefined) return known;
    const options = { account, region, clock: this.#clock, settings: this.#settings };
    const realm = new Realm(options);
    this.#realms.set(name, realm);
    return realm;
  }

  all(): readonly Realm[] {
    return [...this.#realms.values()];
  }

  /** Forgets everything that is in them. */
  clear(): void {
    this.#realms = new Map();
  }
}
