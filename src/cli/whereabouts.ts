// Where the running agents are, so that `tandem status` on the same machine needs no address: a file in the state
// folder says how to reach the agent, one in the run-time folder says which state folders are in use.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemCode } from '#src/base/errors.ts';

export interface AgentAddress {
  readonly url: string;
  readonly token: string;
}

const OWNER_FILE = 0o600;
const OWNER_FOLDER = 0o700;
const OTHERS = 0o077;

const myId = (): number => process.getuid?.() ?? 0;
const runFolder = (env: NodeJS.ProcessEnv): string =>
  join(env.XDG_RUNTIME_DIR || tmpdir(), `tandem-${myId()}`);

/**
 * Writes both files, mode 0600, each whole or not at all. `token`: the configured one, else that of the state folder.
 * Gives the function that takes them away again.
 */
export function announce(
  state: string,
  { url, token }: { readonly url: string; readonly token?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): () => void {
  const files = [place(resolve(state), 'agent.json', { url, pid: process.pid, token })];
  const folder = ownFolder(runFolder(env));
  if (folder !== undefined) files.push(place(folder, `${process.pid}.json`, { state: resolve(state) }));
  return () => {
    for (const file of files) rmSync(file, { force: true });
    if (folder !== undefined) removeEmpty(folder);
  };
}

/** The last agent to go takes the folder along. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT' && code !== 'EEXIST') throw error;
  }
}

function place(folder: string, name: string, content: object): string {
  const file = join(folder, name);
  const part = `${file}.${process.pid}`;
  writeFileSync(part, `${JSON.stringify(content)}\n`, { mode: OWNER_FILE });
  renameSync(part, file);
  return file;
}

/** Made when missing; undefined when it is somebody else's, whose word would not be ours. */
function ownFolder(folder: string): string | undefined {
  try {
    mkdirSync(folder, { mode: OWNER_FOLDER });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') return undefined;
  }
  if (!isOwn(folder)) return undefined;
  chmodSync(folder, OWNER_FOLDER);
  return folder;
}

function isOwn(folder: string): boolean {
  try {
    const { uid } = lstatSync(folder);
    return lstatSync(folder).isDirectory() && uid === myId();
  } catch {
    // Not there.
    return false;
  }
}

/** The agent of a state folder as it announced itself; it may be gone since. */
export function addressIn(state: string): AgentAddress | undefined {
  const url = member(join(state, 'agent.json'), 'url');
  const token = member(join(state, 'agent.json'), 'token') ?? text(join(state, 'token'))?.trim();
  return url === undefined || token === undefined || token === '' ? undefined : { url, token };
}

/** State folders of agents that run, the latest first. */
export function runningStates(env: NodeJS.ProcessEnv = process.env): string[] {
  const folder = runFolder(env);
  if (!isOwn(folder) || (lstatSync(folder).mode & OTHERS) !== 0) return [];
  return readdirSync(folder)
    .filter((name) => /^\d+\.json$/.test(name) && lives(Number.parseInt(name, 10)))
    .map((name) => ({ file: join(folder, name), time: lstatSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time)
    .flatMap(({ file }) => member(file, 'state') ?? []);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

function text(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Not there, or not ours to read: as good as not announced.
    return undefined;
  }
}

function member(file: string, key: 'url' | 'state' | 'token'): string | undefined {
  try {
    const data: Readonly<Record<string, unknown>> = JSON.parse(text(file) ?? '{}');
    const value = data[key];
    return typeof value === 'string' ? value : undefined;
  } catch {
    // Half a file of a dead agent.
    return undefined;
  }
}
