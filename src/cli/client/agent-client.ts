// The API from the command line: found by options, by the environment, or by the running agent's state folder.
import { describe, TandemError } from '#src/base/errors.ts';
import { usage } from '../exit.ts';
import { type AgentAddress, addressIn, runningStates } from '../whereabouts.ts';

/** Options that every client command takes. */
export const CLIENT_OPTIONS = {
  url: { type: 'string' },
  token: { type: 'string' },
  state: { type: 'string' },
} as const;

export interface ClientChoice {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly state?: string | undefined;
}

const TIMEOUT_MS = 15_000;

const unreachable = (message: string, cause?: unknown): TandemError =>
  new TandemError('network', 'cli.unreachable', message, cause === undefined ? {} : { cause });

/**
 * `--url`, `--token`; else TANDEM_URL, TANDEM_TOKEN; else what the state folder says: the latest of several agents, with a
 * note. Throws `cli.usage`, `cli.unreachable`.
 */
export function findAgent(
  choice: ClientChoice,
  env: NodeJS.ProcessEnv = process.env,
  note: (text: string) => void = (text) => void process.stderr.write(text),
): AgentAddress {
  const url = choice.url ?? env.TANDEM_URL;
  const token = choice.token ?? env.TANDEM_TOKEN;
  if (url !== undefined && !/^https?:\/\//.test(url)) throw usage(`"${url}" is no http address`);
  if (url !== undefined && token !== undefined) return { url, token };
  const known = choice.state === undefined ? runningStates(env).map(addressIn) : [addressIn(choice.state)];
  const fitting = known.flatMap((one) =>
    one !== undefined && (url === undefined || sameUrl(one.url, url)) ? [one] : [],
  );
  const [agent] = fitting;
  if (agent && fitting.length > 1)
    note(`tandem: several agents run here; this is the one at ${agent.url}. --state DIR names another.\n`);
  if (agent) return { url: agent.url, token: token ?? agent.token };
  if (url !== undefined) throw usage('the token is missing: --token or TANDEM_TOKEN');
  throw unreachable(
    choice.state === undefined
      ? 'No agent runs here. Name one with --url and --token.'
      : `No agent runs with the state folder ${choice.state}.`,
  );
}

const sameUrl = (a: string, b: string): boolean => URL.canParse(b) && new URL(a).href === new URL(b).href;

export class AgentClient {
  readonly #agent: AgentAddress;

  constructor(agent: AgentAddress) {
    this.#agent = agent;
  }

  /** JSON of an answer. Throws `cli.unreachable`, or `cli.refused` with what the agent said. */
  async json<Value>(method: string, path: string, body?: object): Promise<Value> {
    const response = await this.#ask(method, path, body);
    // The shapes are the contract's.
    return (await response.json()) as Value;
  }

  async text(path: string): Promise<string> {
    return (await this.#ask('GET', path)).text();
  }

  async bytes(path: string): Promise<Buffer> {
    return Buffer.from(await (await this.#ask('GET', path)).arrayBuffer());
  }

  async #ask(method: string, path: string, body?: object): Promise<Response> {
    const response = await this.#fetch(method, path, body);
    if (response.ok) return response;
    throw new TandemError('caller', 'cli.refused', await refusal(response), {
      detail: { status: response.status },
    });
  }

  async #fetch(method: string, path: string, body?: object): Promise<Response> {
    try {
      return await fetch(new URL(`/api/v1/${path}`, this.#agent.url), {
        method,
        headers: {
          authorization: `Bearer ${this.#agent.token}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: 'error',
      });
    } catch (error) {
      const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
      throw unreachable(`The agent at ${this.#agent.url} cannot be reached: ${describe(reason)}`, error);
    }
  }
}

/** The sentence of an error body, or the bare status of somebody who is no Tandem. */
async function refusal(response: Response): Promise<string> {
  try {
    const body: unknown = await response.json();
    if (
      typeof body === 'object' &&
      body !== null &&
      'error' in body &&
      typeof body.error === 'object' &&
      body.error !== null &&
      'message' in body.error
    )
      return `${String(body.error.message)} (${response.status})`;
  } catch {
    // No JSON: somebody else answers there.
  }
  return `The answer was ${response.status} ${response.statusText}.`;
}
