import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { type Element, serializeXml } from '#src/base/xml.ts';
import { deleteNode, putAttribute, putElement } from '#src/operator/ut/node.ts';
import {
  isActive,
  isDeactivated,
  readDocument,
  rulesFor,
  rulesOf,
  type ServicesView,
  viewOf,
} from '#src/services/ut/document.ts';
import { edit, type ServicesChange } from '#src/services/ut/edit.ts';
import { parseSelector } from '#src/services/ut/selector.ts';
import { BARRINGS, CDIV, FORWARDINGS, ICB, OCB, SIMSERVS_NS } from '#src/services/ut/vocabulary.ts';
import { type Write, writeFor } from '#src/services/ut/write.ts';
import { suite } from '#test/support/suite.ts';
import { changes, documents, EMPTY, SAMPLE } from './samples.ts';

const test = suite('services/ut/edit');

function read(text: string): Element {
  const root = readDocument(Buffer.from(text));
  if (!root.ok) throw new Error(root.error);
  return root.value;
}

interface Edited {
  readonly root: Element;
  readonly write: Write | undefined;
  readonly view: ServicesView;
}

function edited(text: string, change: ServicesChange): Edited {
  const root = read(text);
  const write = writeFor(root, edit(root, change));
  return { root, write, view: viewOf(read(serializeXml(root))) };
}

const errorOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof TandemError) return error.id;
    throw error;
  }
  return 'none';
};

test('what a document says is read by the rules of 24.604, 24.608 and 24.611', () => {
  const view = viewOf(read(SAMPLE));
  const off = { provisioned: true, active: false };
  assert.equal(view, {
    forwarding: {
      unconditional: off,
      not_logged_in: off,
      busy: { ...off, target: 'tel:+46701111111' },
      not_reachable: off,
      no_reply: { provisioned: true, active: true, target: 'tel:+46702222222' },
    },
    no_reply_seconds: 25,
    barring: {
      all_outgoing: off,
      // Its rule would bar, but the service is not active.
      outgoing_international: off,
      outgoing_international_except_home: off,
      all_incoming: off,
      incoming_roaming: off,
    },
    switches: {
      hide_number: off,
      hide_answer: off,
      call_waiting: { provisioned: true, active: true },
    },
  });
});

test('one change is one request for the smallest part that holds it', () => {
  const busy = edited(SAMPLE, { forwarding: { busy: { active: true } } }).write;
  assert.is(busy?.method, 'PUT');
  assert.is(busy?.type, 'application/xcap-el+xml');
  assert.is(
    busy?.node,
    '/~~/simservs/communication-diversion/cp:ruleset/cp:rule%5B@id=%22rule-b%22%5D?xmlns(cp=urn:ietf:params:xml:ns:common-policy)',
  );
  assert.not.match(busy?.body ?? '', /rule-deactivated/);
  assert.match(busy?.body ?? '', /<notify-caller>false</);
  assert.equal(edited(SAMPLE, { switches: { call_waiting: false } }).write, {
    ...{ method: 'PUT', node: '/~~/simservs/communication-waiting/@active' },
    ...{ type: 'application/xcap-att+xml', body: 'false' },
  });
  const behaviour = edited(SAMPLE, { switches: { hide_number: true } }).write;
  assert.is(behaviour?.node, '/~~/simservs/originating-identity-presentation-restriction/default-behaviour');
  const timer = edited(SAMPLE, { no_reply_seconds: 30 }).write;
  assert.is(timer?.node, '/~~/simservs/communication-diversion/NoReplyTimer');
  // Two parts of one service: the service. Two services: the document.
  const two = edited(SAMPLE, { no_reply_seconds: 30, forwarding: { busy: { active: true } } }).write;
  assert.is(two?.node, '/~~/simservs/communication-diversion');
  const all = edited(SAMPLE, { switches: { call_waiting: false }, barring: { all_incoming: true } }).write;
  assert.equal([all?.node, all?.type], ['', 'application/vnd.etsi.simservs+xml']);
  assert.is(
    edited(SAMPLE, { no_reply_seconds: 25, forwarding: { busy: { active: false } } }).write,
    undefined,
  );
});

test('a service that is woken does not wake the rules that slept in it', () => {
  const { view } = edited(SAMPLE, { barring: { all_outgoing: true } });
  assert.is(view.barring.all_outgoing.active, true);
  assert.is(view.barring.outgoing_international.active, false);
});

test('where rules cannot rest they are taken away', () => {
  const text = SAMPLE.replace(
    '<communication-waiting',
    `<communication-diversion-serv-cap><serv-cap-conditions>
      <serv-cap-rule-deactivated provisioned="false"/><serv-cap-not-registered provisioned="false"/>
     </serv-cap-conditions><serv-cap-actions><serv-cap-target><telephony-type/></serv-cap-target></serv-cap-actions>
     </communication-diversion-serv-cap><communication-waiting`,
  );
  const { write, view } = edited(text, { forwarding: { no_reply: { active: false } } });
  assert.is(write?.method, 'DELETE');
  assert.match(write?.node ?? '', /rule%5B@id=%22rule-n%22%5D/);
  assert.equal(view.forwarding.no_reply, { provisioned: true, active: false });
  assert.is(view.forwarding.not_logged_in.provisioned, false);
  const asked = (change: ServicesChange) => errorOf(() => edited(text, change));
  assert.is(
    asked({ forwarding: { not_logged_in: { active: true, target: 'tel:+1234' } } }),
    'ut.not-provisioned',
  );
  assert.is(asked({ forwarding: { busy: { active: true, target: 'sip:a@op.example' } } }), 'ut.target');
  assert.is(asked({ forwarding: { busy: { active: true, target: 'tel:+46701234567' } } }), 'none');
});

test('what cannot be is refused before anything is sent', () => {
  const asked = (change: ServicesChange, text = EMPTY) => errorOf(() => edited(text, change));
  assert.is(asked({ forwarding: { busy: { active: true } } }), 'ut.target');
  assert.is(asked({ no_reply_seconds: 4 }), 'ut.seconds');
  assert.is(asked({ no_reply_seconds: 10.5 }), 'ut.seconds');
  const bare = `<simservs xmlns="${SIMSERVS_NS}"/>`;
  assert.is(asked({ barring: { all_incoming: true } }, bare), 'ut.not-provisioned');
  assert.is(asked({ switches: { call_waiting: true } }, bare), 'ut.not-provisioned');
  assert.is(asked({ no_reply_seconds: 20 }, bare), 'ut.not-provisioned');
});

/** The rules of services that a change does not name, each with whether it has an effect. */
function others(root: Element, change: ServicesChange): string[] {
  const rows = [...FORWARDINGS, ...BARRINGS];
  const wishes: object = { ...change.forwarding, ...change.barring };
  return [CDIV, ICB, OCB].flatMap((name) => {
    const [service] = root.getElementsByTagNameNS(SIMSERVS_NS, name);
    if (!service) return [];
    const meant = rows.filter((row) => row.element === name && row.name in wishes);
    const asked = new Set(meant.flatMap((row) => rulesFor(service, row)));
    return rulesOf(service)
      .filter((rule) => !asked.has(rule))
      .map((rule) => `${name} ${rule.getAttribute('id')} ${isActive(service) && !isDeactivated(rule)}`);
  });
}

/** The state that a change asks of each name; others stay. */
function expected(view: ServicesView, change: ServicesChange): ServicesView {
  const merge = <State>(
    before: Readonly<Record<string, State>>,
    wishes: object | undefined,
    to: (state: State, wish: unknown) => State,
  ) =>
    Object.fromEntries(
      Object.entries(before).map(([name, state]) => {
        const wish = Object.entries(wishes ?? {}).find(([key]) => key === name)?.[1];
        return [name, wish === undefined ? state : to(state, wish)];
      }),
    );
  const seconds = change.no_reply_seconds ?? view.no_reply_seconds;
  // Merged name by name: the names are those of the view.
  return {
    forwarding: merge(view.forwarding, change.forwarding, (state, wish) => ({
      ...state,
      ...(wish as object),
    })),
    ...(seconds === undefined ? {} : { no_reply_seconds: seconds }),
    barring: merge(view.barring, change.barring, (state, wish) => ({ ...state, active: wish === true })),
    switches: merge(view.switches, change.switches, (state, wish) => ({ ...state, active: wish === true })),
  } as ServicesView;
}

/** Which of two rules of one meaning is shown while both are off, nobody can say: then no target is compared. */
function withoutDoubts(view: ServicesView, before: Element): ServicesView {
  const [service] = before.getElementsByTagNameNS(SIMSERVS_NS, CDIV);
  const forwarding = { ...view.forwarding };
  for (const row of FORWARDINGS) {
    const { provisioned, active } = forwarding[row.name];
    const isDouble = service !== undefined && rulesFor(service, row).length > 1;
    if (!active && isDouble) forwarding[row.name] = { provisioned, active };
  }
  return { ...view, forwarding };
}

test('[MD-2.3.2] an edit does what was asked, and everything else stays and works as before', () => {
  fc.assert(
    fc.property(documents, changes, (text, change) => {
      const wish = change as ServicesChange;
      const before = read(text);
      const { root, view } = edited(text, wish);
      const told = (state: ServicesView) => withoutDoubts(state, before);
      assert.equal(told(view), told(expected(viewOf(before), wish)));
      assert.equal(others(root, wish), others(before, wish));
      const foreign = (xml: string) => (xml.match(/urn:example:foreign/g) ?? []).length;
      assert.is(foreign(serializeXml(root)), foreign(text));
      assert.is(
        serializeXml(root).includes('kept &amp; kept<!-- too -->'),
        text.includes('kept &amp; kept<!-- too -->'),
      );
    }),
    { numRuns: 200 },
  );
});

test('the same change a second time changes nothing', () => {
  fc.assert(
    fc.property(documents, changes, (text, change) => {
      const wish = change as ServicesChange;
      const { root } = edited(text, wish);
      assert.is(edited(serializeXml(root), wish).write, undefined);
    }),
    { numRuns: 100 },
  );
});

/** The document after a request, by the rules of RFC 4825. */
function applied(text: string, { method, node, type, body = '' }: Write): string {
  if (node === '') return body;
  const [path = '', query = ''] = node.slice('/~~/'.length).split('?');
  const selector = parseSelector(path, query);
  if (!selector.ok) throw new Error(selector.error);
  const put = type === 'application/xcap-att+xml' ? putAttribute : putElement;
  const written = method === 'DELETE' ? deleteNode(text, selector.value) : put(text, selector.value, body);
  if (!written.ok) throw new Error(`${node}: ${JSON.stringify(written.error)}`);
  return written.value.text;
}

test('what is sent makes of the document what the edit made of it', () => {
  fc.assert(
    fc.property(documents, changes, (text, change) => {
      const { write, view } = edited(text, change as ServicesChange);
      if (!write) return;
      assert.equal(viewOf(read(applied(text, write))), view);
    }),
    { numRuns: 200 },
  );
});

test.run();
