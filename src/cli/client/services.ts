// `tandem services`: what the network does for the number, shown and switched.
import { BARRINGS, FORWARDINGS, SWITCHES } from '#src/services/ut/vocabulary.ts';
import { EXIT, type ExitCode, usage } from '../exit.ts';
import { readOptions } from '../options.ts';
import { AgentClient, CLIENT_OPTIONS, findAgent } from './agent-client.ts';
import { clean } from './format.ts';

interface Service {
  readonly provisioned: boolean;
  readonly active: boolean;
  readonly target?: string;
}

/** `GET services`. */
export interface ServicesAnswer extends Readonly<Record<string, unknown>> {
  readonly open: boolean;
  readonly forwarding?: Readonly<Record<string, Service>>;
  readonly no_reply_seconds?: number;
  readonly barring?: Readonly<Record<string, Service>>;
}

const asService = (value: unknown): Service | undefined =>
  // The shapes are the API's.
  typeof value === 'object' && value !== null ? (value as Service) : undefined;

const dashed = (name: string): string => name.replaceAll('_', '-');

const CLOSED = 'Your operator has not opened the services to this device: they are switched elsewhere.';

export function servicesText(answer: ServicesAnswer): string {
  if (!answer.open) return `${CLOSED}\n`;
  const row = (name: string, service: Service | undefined, more = ''): string => {
    const state = !service?.provisioned ? 'not set up' : service.active ? 'on' : 'off';
    return `${dashed(name).padEnd(36)}${state}${more}`;
  };
  const lines = [
    ...FORWARDINGS.map(({ name }) => {
      const service = answer.forwarding?.[name];
      const seconds =
        name === 'no_reply' && answer.no_reply_seconds !== undefined
          ? ` after ${answer.no_reply_seconds} s`
          : '';
      return row(name, service, `${service?.target === undefined ? '' : `  ${service.target}`}${seconds}`);
    }),
    ...BARRINGS.map(({ name }) => row(name, answer.barring?.[name])),
    ...SWITCHES.map(({ name }) => row(name, asService(answer[name]))),
  ];
  return `${lines.map((line) => clean(line).trimEnd()).join('\n')}\n`;
}

const SECONDS = /^\d{1,4}$/;

/** What `PATCH services` is told. Throws TandemError `cli.usage`. */
export function changeFrom(name: string, value: string | undefined, seconds: string | undefined): object {
  const wanted = name.replaceAll('-', '_');
  if (seconds !== undefined && (!SECONDS.test(seconds) || wanted !== 'no_reply'))
    throw usage('--seconds takes a number, and goes with no-reply');
  const timer = seconds === undefined ? {} : { no_reply_seconds: Number(seconds) };
  const isOn = value === 'on' ? true : value === 'off' ? false : undefined;
  if (FORWARDINGS.some((row) => row.name === wanted)) {
    if (value === undefined && seconds === undefined) throw usage(`${name} on, off, or to which address?`);
    const wish =
      value === undefined ? {} : isOn === undefined ? { active: true, target: value } : { active: isOn };
    return { ...timer, ...(value === undefined ? {} : { forwarding: { [wanted]: wish } }) };
  }
  const isKnown = [...BARRINGS, ...SWITCHES].some((row) => row.name === wanted);
  if (!isKnown) throw usage(`there is no service "${name}"; tandem services names them`);
  if (isOn === undefined) throw usage(`${name} on or off?`);
  return BARRINGS.some((row) => row.name === wanted) ? { barring: { [wanted]: isOn } } : { [wanted]: isOn };
}

export async function servicesCommand(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = readOptions(
    args,
    { ...CLIENT_OPTIONS, json: { type: 'boolean' }, seconds: { type: 'string' } },
    2,
  );
  const [name, value] = positionals;
  if (name === undefined && values.seconds !== undefined) throw usage('--seconds goes with no-reply');
  const change = name === undefined ? undefined : changeFrom(name, value, values.seconds);
  const client = new AgentClient(findAgent(values));
  const answer = change
    ? await client.json<ServicesAnswer>('PATCH', 'services', change)
    : await client.json<ServicesAnswer>('GET', 'services');
  const text = values.json ? `${JSON.stringify(answer, undefined, 2)}\n` : servicesText(answer);
  process.stdout.write(text);
  return EXIT.done;
}
