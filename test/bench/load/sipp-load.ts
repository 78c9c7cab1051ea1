// A SIPp that makes so many calls as fast as they are taken, so many at once.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Peer } from '#test/peers/support/process.ts';

export interface Load {
  readonly folder: string;
  readonly scenario: string;
  /** `host:port`. */
  readonly target: string;
  readonly calls: number;
  /** At once. */
  readonly together: number;
  readonly port?: number;
}

const HOST = '127.0.0.1';
/** New calls a second that SIPp may begin: more than anybody takes. */
const RATE = 5_000;
const LIMIT_SECONDS = 300;
let runs = 0;

function files(folder: string, scenario: string): { readonly scenario: string; readonly errors: string } {
  mkdirSync(folder, { recursive: true });
  runs += 1;
  const paths = { scenario: join(folder, `load${runs}.xml`), errors: join(folder, `load${runs}.errors`) };
  writeFileSync(paths.scenario, `<?xml version="1.0" encoding="ISO-8859-1" ?>\n${scenario}`);
  writeFileSync(paths.errors, '');
  return paths;
}

/** Milliseconds from start to end. Throws when a call failed. */
async function timed(load: Load): Promise<number> {
  const paths = files(load.folder, load.scenario);
  const port = load.port ?? (await freePort());
  const start = performance.now();
  const sipp = await Peer.start(
    'sipp',
    [
      load.target,
      ...['-sf', paths.scenario, '-i', HOST, '-p', String(port), '-t', 'u1', '-nostdin'],
      ...['-m', String(load.calls), '-l', String(load.together), '-r', String(RATE)],
      ...['-trace_err', '-error_file', paths.errors, '-timeout', `${LIMIT_SECONDS}s`, '-timeout_error'],
    ],
    { cwd: load.folder },
  );
  const status = await sipp.ended(LIMIT_SECONDS * 1000);
  const span = performance.now() - start;
  if (status !== 0)
    throw new Error(`SIPp ended with ${status}:\n${readFileSync(paths.errors, 'latin1').slice(0, 2000)}`);
  return span;
}

/** Calls a second, without the start and end of SIPp itself. */
export async function callsPerSecond(load: Load): Promise<number> {
  const idle = await timed({ ...load, calls: 1 });
  // What is compiled while it runs is compiled by then, as in a server that has been up for a while.
  await timed(load);
  const all = await timed(load);
  return ((load.calls - 1) * 1000) / Math.max(1, all - idle);
}

export const callOnce = (load: Omit<Load, 'calls' | 'together'>): Promise<number> =>
  timed({ ...load, calls: 1, together: 1 });

/** Makes the calls; how long it takes does not matter. */
export const callOften = (load: Load): Promise<number> => timed(load);

/** A SIPp that takes calls until it is stopped. */
export async function serve(folder: string, scenario: string, port: number): Promise<Peer> {
  const paths = files(folder, scenario);
  const sipp = await Peer.start(
    'sipp',
    [
      ...['-sf', paths.scenario, '-i', HOST, '-p', String(port), '-t', 'u1', '-nostdin'],
      ...['-trace_err', '-error_file', paths.errors],
    ],
    { cwd: folder },
  );
  // It has its socket at once and says nothing of it.
  await new Promise((resolve) => setTimeout(resolve, 500));
  return sipp;
}
