import type { BrokerLink } from "./broker-connection.ts";

/** A connection to a broker of a test. */
export interface TestLink extends Omit<BrokerLink, "isOpen"> {
  isOpen: boolean;
  /** Somebody has closed it. */
  isEnded: boolean;
}

/** One whose broker answers requests of the library's so; of ours nobody asks any. */
export function linkThat(answers: (api: unknown) => unknown): TestLink {
  const link: TestLink = {
    isOpen: true,
    isEnded: false,
    call: async <Request extends unknown[], Answer>(api: unknown, ..._request: Request) =>
      (await answers(api)) as Answer,
    send: () => Promise.reject(new Error("nobody asks for it")),
    close: () => {
      link.isOpen = false;
      link.isEnded = true;
      return Promise.resolve();
    },
  };
  return link;
}
