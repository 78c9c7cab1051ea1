// What the demonstration prints, and the keys it knows.
import type { CallSnapshot } from '#src/call/snapshot.ts';
import type { RegistrationState } from '#src/ims/registration-state.ts';
import type { Phone } from '#src/operator/phone.ts';
import { type DemoSound, type DemoWorld, DOMAIN, GUEST, NUMBER } from './world.ts';

export const say = (line = ''): void => void process.stdout.write(`${line}\n`);

export interface Introduction {
  readonly world: DemoWorld;
  readonly udp: string;
  readonly tcp: string;
  readonly operatorUrl: string | undefined;
  readonly page: string;
  readonly sound: DemoSound;
  readonly folder: string;
  readonly keys: boolean;
}

export function introduce({ world, udp, tcp, operatorUrl, page, sound, folder, keys }: Introduction): void {
  const { user, password } = world.guest;
  const card = sound.capture.startsWith('alsa:');
  say(`
Tandem: a phone and this device share the number ${shown(NUMBER)}.

  page       ${page}
             (good once; another one: scripts/tandem status --link --state ${folder}/state)
  operator   SIP udp:${udp} tcp:${tcp}${operatorUrl === undefined ? '' : `, ${operatorUrl}/phones`}
  sound      ${card ? "this machine's sound card" : `no sound card: the device sends ${sound.capture} and records`}
             what each party hears: ${folder}/*.wav, whole once the call has ended
  guest      user ${user}, domain ${DOMAIN}, password ${password}, outbound proxy ${udp} (UDP)
             baresip account:  <${GUEST};transport=udp>;auth_user=${user};auth_pass=${password};outbound="sip:${udp};transport=udp"
             then dial         ${NUMBER}
             any softphone will do
${keys ? `\n${KEY_HELP}\n` : ''}`);
}

const KEY_HELP =
  'keys: r ring me · a answer on the device · p answer on the phone · d decline on the device · h hang up · q quit';

const shown = (uri: string): string => uri.replace(/^sips?:/, '').replace(`@${DOMAIN}`, '');

export function sayRegistration(state: RegistrationState): void {
  const why = state.error ? `: ${state.error.message}` : '';
  say(`device    ${state.state === 'registered' ? `registered at ${state.pcscf ?? ''}` : state.state}${why}`);
}

const WORDS: Readonly<Record<Exclude<CallSnapshot['state'], 'ended'>, string>> = {
  dialing: 'dialing',
  early: 'ringing there',
  ringing: 'ringing',
  active: 'active',
};

const way = (direction: CallSnapshot['direction']): string => (direction === 'in' ? 'from' : 'to');

/** What rings there, the calls that were answered or made, and what became of each. */
export function tellPhone(phone: Phone): void {
  const party = phone.id.padEnd(9);
  const teller = new CallTeller(phone.id);
  let rang: readonly string[] = [];
  phone.onChange.on(({ ringing, calls }) => {
    for (const caller of ringing.slice(rang.length)) say(`${party} from ${shown(caller)} ringing`);
    rang = ringing;
    for (const call of calls) if (call.state !== 'ringing' && call.state !== 'ended') teller.tell(call);
  });
  phone.onEnded.on(({ direction, remote, label, sip }) =>
    say(
      `${party} ${way(direction)} ${shown(remote)} ended: ${label}${label === 'failed' && sip !== undefined ? ` (${sip})` : ''}`,
    ),
  );
}

/** Tells each new state of a call once. */
export class CallTeller {
  readonly #party: string;
  readonly #told = new Map<string, string>();

  constructor(party: string) {
    this.#party = party.padEnd(9);
  }

  tell(call: CallSnapshot): void {
    const now = call.state === 'ended' ? `ended: ${call.end?.label ?? ''}` : WORDS[call.state];
    if (this.#told.get(call.id) === now) return;
    this.#told.set(call.id, now);
    say(`${this.#party} ${way(call.direction)} ${shown(call.remote.uri)} ${now}`);
  }
}

export type Key = 'r' | 'a' | 'p' | 'd' | 'h' | 'q';
const KEYS: readonly string[] = ['r', 'a', 'p', 'd', 'h', 'q'] satisfies readonly Key[];
const INTERRUPT = '\u0003';

const isKey = (text: string): text is Key => KEYS.includes(text);

/** Hears keys until the function that it gives is called. */
export function hearKeys(heard: (key: Key) => void): () => void {
  const { stdin } = process;
  const take = (data: Buffer): void => {
    for (const text of data.toString('latin1')) {
      if (text === INTERRUPT) process.kill(process.pid, 'SIGINT');
      else if (isKey(text)) heard(text);
    }
  };
  stdin.setRawMode(true);
  stdin.on('data', take);
  return () => {
    stdin.off('data', take);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
