// The client commands: call, status, log, trace.
import { writeFileSync } from 'node:fs';
import { describe, systemCode, TandemError } from '#src/base/errors.ts';
import type { CallDetails } from '#src/call/details.ts';
import type { CallSnapshot, LogRow } from '#src/call/snapshot.ts';
import type { StatusSnapshot } from '#src/web/ports.ts';
import { EXIT, type ExitCode, usage } from '../exit.ts';
import { readOptions } from '../options.ts';
import { AgentClient, CLIENT_OPTIONS, type ClientChoice, findAgent } from './agent-client.ts';
import { callText, logText, statusText, toldText } from './format.ts';

type Command = (args: readonly string[]) => Promise<ExitCode>;

const print = (text: string): void => void process.stdout.write(text);
const printJson = (value: unknown): void => print(`${JSON.stringify(value, undefined, 2)}\n`);
const clientFor = (choice: ClientChoice): AgentClient => new AgentClient(findAgent(choice));
const JSON_OPTION = { json: { type: 'boolean' } } as const;

/** As the API has it. */
const LIMIT = /^(?:[1-9][0-9]{0,2}|1000)$/;

const POLL_MS = 200;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, POLL_MS));

export const callCommand: Command = async (args) => {
  const { values, positionals } = readOptions(
    args,
    {
      ...CLIENT_OPTIONS,
      ...JSON_OPTION,
      identity: { type: 'string' },
      privacy: { type: 'boolean' },
      video: { type: 'boolean' },
      wait: { type: 'boolean' },
    },
    1,
  );
  const [to] = positionals;
  if (to === undefined) throw usage('whom to call? tandem call URI');
  const client = clientFor(values);
  const show = values.json ? printJson : (shown: CallSnapshot) => print(callText(shown));
  let current = await client.json<CallSnapshot>('POST', 'calls', {
    to,
    ...(values.identity === undefined ? {} : { identity: values.identity }),
    ...(values.privacy === undefined ? {} : { privacy: values.privacy }),
    ...(values.video === undefined ? {} : { video: values.video }),
  });
  show(current);
  while (values.wait && current.state !== 'ended') {
    await pause();
    const next = await client.json<CallSnapshot>('GET', `calls/${encodeURIComponent(current.id)}`);
    if (next.state !== current.state) show(next);
    current = next;
  }
  if (values.wait && !values.json) {
    const details = await client.json<CallDetails>('GET', `calls/${encodeURIComponent(current.id)}/details`);
    print(toldText(details));
  }
  return values.wait && current.end?.label !== 'answered' ? EXIT.failure : EXIT.done;
};

export const statusCommand: Command = async (args) => {
  const { values } = readOptions(args, { ...CLIENT_OPTIONS, ...JSON_OPTION, link: { type: 'boolean' } });
  const client = clientFor(values);
  if (values.link) {
    const { url } = await client.json<{ url: string }>('POST', 'link');
    print(`${url}\n`);
    return EXIT.done;
  }
  const now = await client.json<StatusSnapshot>('GET', 'status');
  if (values.json) printJson(now);
  else print(statusText(now, await client.json<CallSnapshot[]>('GET', 'calls')));
  return EXIT.done;
};

export const logCommand: Command = async (args) => {
  const { values } = readOptions(args, {
    ...CLIENT_OPTIONS,
    ...JSON_OPTION,
    limit: { type: 'string' },
    before: { type: 'string' },
  });
  if (values.limit !== undefined && !LIMIT.test(values.limit))
    throw usage(`--limit takes a number from 1 to 1000, not "${values.limit}"`);
  const query = new URLSearchParams();
  if (values.limit !== undefined) query.set('limit', values.limit);
  if (values.before !== undefined) query.set('before', values.before);
  const rows = await clientFor(values).json<LogRow[]>('GET', query.size > 0 ? `log?${query}` : 'log');
  if (values.json) printJson(rows);
  else print(logText(rows));
  return EXIT.done;
};

export const traceCommand: Command = async (args) => {
  const { values } = readOptions(args, {
    ...CLIENT_OPTIONS,
    call: { type: 'string' },
    pcap: { type: 'string' },
  });
  const client = clientFor(values);
  const query = new URLSearchParams({ format: values.pcap === undefined ? 'ladder' : 'pcap' });
  if (values.call !== undefined) query.set('call', values.call);
  if (values.pcap === undefined) print(await client.text(`trace?${query}`));
  else keep(values.pcap, await client.bytes(`trace?${query}`));
  return EXIT.done;
};

/** Throws TandemError `cli.file`. */
function keep(path: string, bytes: Buffer): void {
  try {
    writeFileSync(path, bytes);
  } catch (cause) {
    throw new TandemError(
      'caller',
      'cli.file',
      `${path} cannot be written: ${systemCode(cause) ?? describe(cause)}.`,
      { cause },
    );
  }
}
