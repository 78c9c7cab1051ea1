// Documents as networks have them, and many more that fast-check makes of their pieces.
import fc from 'fast-check';
import { COMMON_POLICY_NS, SIMSERVS_NS } from '#src/services/ut/vocabulary.ts';

/** By the examples of 24.604 4.9.1, 24.611 4.9.1, 24.608 4.9.0: simservs is the default namespace, cp that of common policy. */
export const SAMPLE = `<?xml version="1.0" encoding="UTF-8"?>
<simservs xmlns="${SIMSERVS_NS}" xmlns:cp="${COMMON_POLICY_NS}" xmlns:x="urn:example:other" x:kept="yes">
 <originating-identity-presentation-restriction active="true">
  <default-behaviour>presentation-not-restricted</default-behaviour>
 </originating-identity-presentation-restriction>
 <terminating-identity-presentation-restriction active="false"/>
 <communication-diversion active="true">
  <NoReplyTimer>25</NoReplyTimer>
  <cp:ruleset>
   <cp:rule id="boss">
    <cp:conditions><busy/><cp:identity><cp:one id="sip:boss@op.example"/></cp:identity></cp:conditions>
    <cp:actions><forward-to><target>sip:desk@op.example</target></forward-to></cp:actions>
   </cp:rule>
   <cp:rule id="rule-b">
    <cp:conditions><rule-deactivated/><busy/></cp:conditions>
    <cp:actions><forward-to><target>tel:+46701111111</target><notify-caller>false</notify-caller></forward-to></cp:actions>
   </cp:rule>
   <cp:rule id="rule-n">
    <cp:conditions><no-answer/></cp:conditions>
    <cp:actions><forward-to><target>tel:+46702222222</target></forward-to></cp:actions>
   </cp:rule>
  </cp:ruleset>
 </communication-diversion>
 <outgoing-communication-barring active="false">
  <cp:ruleset>
   <cp:rule id="o1"><cp:conditions><international/></cp:conditions><cp:actions><allow>false</allow></cp:actions></cp:rule>
  </cp:ruleset>
 </outgoing-communication-barring>
 <incoming-communication-barring active="true"/>
 <communication-waiting active="true"/>
 <x:strange>kept as well</x:strange>
</simservs>
`;

/** Every service, with nothing in it. */
export const EMPTY = `<simservs xmlns="${SIMSERVS_NS}">
<originating-identity-presentation-restriction active="true"/>
<terminating-identity-presentation-restriction active="true"/>
<communication-diversion active="true"/>
<outgoing-communication-barring active="true"/>
<incoming-communication-barring active="true"/>
<communication-waiting active="false"/>
</simservs>`;

const active = fc.constantFrom('', ' active="true"', ' active="false"', ' active="1"', ' active="0"');
const blank = fc.constantFrom('', '\n  ', '<!-- note -->');
const URIS = ['tel:+46701234567', 'sip:desk@op.example', 'sip:a&amp;b@op.example', ''];

/** Names in the namespace of simservs and in that of common policy, as this document writes them. */
interface Style {
  readonly ss: (name: string) => string;
  readonly cp: (name: string) => string;
  readonly root: string;
}

const STYLES: readonly Style[] = [
  {
    ...{ ss: (name) => name, cp: (name) => `cp:${name}` },
    root: `xmlns="${SIMSERVS_NS}" xmlns:cp="${COMMON_POLICY_NS}"`,
  },
  {
    ...{ ss: (name) => `ss:${name}`, cp: (name) => `p:${name}` },
    root: `xmlns:ss="${SIMSERVS_NS}" xmlns:p="${COMMON_POLICY_NS}"`,
  },
  {
    ...{ ss: (name) => `ss:${name}`, cp: (name) => name },
    root: `xmlns:ss="${SIMSERVS_NS}" xmlns="${COMMON_POLICY_NS}"`,
  },
];

const DIVERTING = ['busy', 'no-answer', 'not-reachable', 'not-registered'];
const BARRING = ['international', 'international-exHC', 'roaming', 'anonymous'];

function conditions(names: readonly string[], { ss, cp }: Style): fc.Arbitrary<string> {
  const one = fc.constantFrom(...names).map((name) => `<${ss(name)}/>`);
  const strange = fc.constantFrom(
    `<${ss('media')}>audio</${ss('media')}>`,
    `<${ss('media')}>video</${ss('media')}>`,
    `<${cp('validity')}><${cp('from')}>2026-01-01T00:00:00Z</${cp('from')}></${cp('validity')}>`,
    '<busy xmlns="urn:example:foreign"/>',
  );
  return fc
    .tuple(
      fc.option(one, { nil: '' }),
      fc.option(strange, { nil: '', freq: 2 }),
      fc.option(fc.constant(`<${ss('rule-deactivated')}/>`), { nil: '' }),
      fc.boolean(),
    )
    .map(([a, b, c, present]) => (present ? `<${cp('conditions')}>${c}${a}${b}</${cp('conditions')}>` : ''));
}

function rule(kind: 'divert' | 'bar', style: Style): fc.Arbitrary<string> {
  const { ss, cp } = style;
  const action =
    kind === 'divert'
      ? fc
          .tuple(fc.constantFrom(...URIS), fc.boolean())
          .map(
            ([uri, more]) =>
              `<${ss('forward-to')}><${ss('target')}>${uri}</${ss('target')}>${more ? `<${ss('notify-caller')}>false</${ss('notify-caller')}>` : ''}</${ss('forward-to')}>`,
          )
      : fc.constantFrom('true', 'false', '0').map((value) => `<${ss('allow')}>${value}</${ss('allow')}>`);
  return fc
    .tuple(conditions(kind === 'divert' ? DIVERTING : BARRING, style), action, blank)
    .map(([when, then, space]) => `${when}${space}<${cp('actions')}>${then}</${cp('actions')}>`);
}

function rules(kind: 'divert' | 'bar', style: Style): fc.Arbitrary<string> {
  const { cp } = style;
  return fc.option(
    fc.array(rule(kind, style), { maxLength: 5 }).map((all) => {
      const each = all.map((text, index) => `<${cp('rule')} id="r${index}">${text}</${cp('rule')}>`);
      return `<${cp('ruleset')}>${each.join('')}</${cp('ruleset')}>`;
    }),
    { nil: '', freq: 6 },
  );
}

function service(name: string, body: fc.Arbitrary<string>, { ss }: Style): fc.Arbitrary<string> {
  return fc
    .tuple(active, blank, body)
    .map(([on, space, text]) => `<${ss(name)}${on}>${space}${text}</${ss(name)}>`);
}

function behaviour({ ss }: Style): fc.Arbitrary<string> {
  return fc.constantFrom(
    '',
    ...['presentation-restricted', 'presentation-not-restricted'].map(
      (text) => `<${ss('default-behaviour')}>${text}</${ss('default-behaviour')}>`,
    ),
  );
}

/** Documents with every service, in every way to write them. */
export const documents: fc.Arbitrary<string> = fc.constantFrom(...STYLES).chain((style) => {
  const { ss, root } = style;
  const timer = fc.constantFrom('', `<${ss('NoReplyTimer')}>20</${ss('NoReplyTimer')}>`);
  return fc
    .tuple(
      service(
        'communication-diversion',
        fc.tuple(timer, rules('divert', style)).map(([a, b]) => a + b),
        style,
      ),
      service('incoming-communication-barring', rules('bar', style), style),
      service('outgoing-communication-barring', rules('bar', style), style),
      service('originating-identity-presentation-restriction', behaviour(style), style),
      service('terminating-identity-presentation-restriction', behaviour(style), style),
      service('communication-waiting', fc.constant(''), style),
      fc.constantFrom('', '<m xmlns="urn:example:foreign" a="&lt;&quot;">kept &amp; kept<!-- too --></m>'),
    )
    .map((parts) => `<${ss('simservs')} ${root}>${parts.join('')}</${ss('simservs')}>`);
});

/** What owners ask for. */
export const changes = fc.record(
  {
    no_reply_seconds: fc.integer({ min: 5, max: 180 }),
    forwarding: fc.dictionary(
      fc.constantFrom('unconditional', 'not_logged_in', 'busy', 'not_reachable', 'no_reply'),
      fc.oneof(
        fc.record({
          active: fc.constant(true),
          target: fc.constantFrom('tel:+46709999999', 'sip:x&y@op.example'),
        }),
        fc.record({ active: fc.constant(false) }),
      ),
      { maxKeys: 2 },
    ),
    barring: fc.dictionary(
      fc.constantFrom(
        'all_outgoing',
        'outgoing_international',
        'outgoing_international_except_home',
        'all_incoming',
        'incoming_roaming',
      ),
      fc.boolean(),
      { maxKeys: 2 },
    ),
    switches: fc.dictionary(fc.constantFrom('hide_number', 'hide_answer', 'call_waiting'), fc.boolean(), {
      maxKeys: 2,
    }),
  },
  { requiredKeys: [] },
);
