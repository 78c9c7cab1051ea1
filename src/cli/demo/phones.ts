// The operator's phones as the demonstration shows them: what each is doing, and what it can be told.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Operator } from '#src/operator/operator.ts';
import type { Phone } from '#src/operator/phone.ts';
import type { DemoAction, DemoPhone, DemoPort } from '#src/web/ports.ts';
import { CALLER_ID, NUMBER } from './world.ts';

export class DemoPhones implements DemoPort {
  readonly onChange = new Signal<readonly DemoPhone[]>();
  readonly #phones: readonly Phone[];
  readonly #last = new Map<string, NonNullable<DemoPhone['last']>>();

  constructor({ phones }: Pick<Operator, 'phones'>) {
    this.#phones = phones;
    const changed = (): void => this.onChange.emit(this.phones());
    for (const phone of phones) {
      phone.onChange.on(changed);
      phone.onEnded.on(({ label, sip }) => {
        this.#last.set(phone.id, { label, ...(sip === undefined ? {} : { sip }) });
        changed();
      });
    }
  }

  phones(): readonly DemoPhone[] {
    return this.#phones.map((phone) => this.#told(phone));
  }

  ring(): void {
    this.#phone(CALLER_ID).call(NUMBER);
  }

  act(id: string, action: DemoAction): void {
    const phone = this.#phone(id);
    const { state } = this.#told(phone);
    // Told while nothing rings, a phone would do it with every later call.
    if (action !== 'hangup' && state !== 'ringing') throw wrongState(`The ${id} does not ring.`);
    if (action === 'hangup' && state !== 'active' && state !== 'calling')
      throw wrongState(`The ${id} is not in a call.`);
    phone[action]();
  }

  #phone(id: string): Phone {
    const phone = this.#phones.find((one) => one.id === id);
    if (!phone)
      throw new TandemError('caller', 'call.unknown', 'There is no such phone.', { detail: { id } });
    return phone;
  }

  #told({ id, instance, snapshot }: Phone): DemoPhone {
    const last = this.#last.get(id);
    return {
      id,
      name: NAMES[id] ?? id,
      uri: snapshot.uri,
      instance,
      shares: snapshot.uri === NUMBER,
      ...doing(snapshot),
      ...(last === undefined ? {} : { last }),
    };
  }
}

const NAMES: Readonly<Record<string, string>> = { phone: 'Phone', [CALLER_ID]: 'Caller' };

const wrongState = (message: string): TandemError => new TandemError('caller', 'call.state', message);

/** What rings comes first: it wants an answer. */
function doing({ ringing: [caller], calls }: Phone['snapshot']): Pick<DemoPhone, 'state' | 'remote'> {
  if (caller !== undefined) return { state: 'ringing', remote: caller };
  const call = calls.find(({ state }) => state !== 'ended');
  if (!call) return { state: 'idle' };
  const remote = call.remote.uri;
  return { state: call.state === 'active' ? 'active' : 'calling', remote };
}
