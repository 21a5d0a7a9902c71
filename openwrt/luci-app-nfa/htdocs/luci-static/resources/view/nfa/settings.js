// What holds for all of nfa, and what rules refer to: interfaces, groups, schedules, exemptions, sets.
'use strict';
'require form';
'require nfa';
'require uci';
'require view';

return view.extend({
	load: function() {
		return Promise.all([ nfa.hints(), uci.load('nfa') ]);
	},

	render: function(loaded) {
		const names = loaded[0];
		let m, s, o;

		m = new form.Map('nfa');

		s = m.section(form.NamedSection, 'globals', 'globals');
		s.tab('main', _('General'));
		s.tab('more', _('Advanced'));

		const option = (tab, kind, name, title, description) => {
			o = s.taboption(tab, kind, name, title, description);
			o.optional = true;
			return o;
		};
		const number = (tab, name, title, description, datatype, placeholder) => {
			option(tab, form.Value, name, title, description);
			o.datatype = datatype;
			o.placeholder = placeholder;
		};

		option('main', form.Flag, 'enabled', _('nfa is on')).rmempty = false;
		number('main', 'timeout', _('Remember for'), _('Seconds that a member of a set stays behind its last flow.'), 'range(30,86400)', '3600');
		option('main', form.Value, 'timezone', _('Time zone of schedules'), _('If it is not that of the router.')).placeholder = 'Europe/Rome';
		option('main', form.Value, 'log_limit', _('Log at most'), _('Lines of the firewall for packets that are cut.')).placeholder = '10/minute';
		option('more', form.ListValue, 'backend', _('Where sets are'));
		[ 'auto', 'nft', 'ipset', 'both' ].forEach((one) => o.value(one));
		o['default'] = 'auto';
		option('more', form.Flag, 'adopt', _('Fill sets by their name'), _('Every set called nfa.NAME.v4 or nfa.NAME.v6, where NAME is an application, protocol, category or rule.'));
		o['default'] = o.enabled;
		number('more', 'maxelem', _('Most members of a set'), '', 'range(16,65536)', '4096');
		number('more', 'flows_max', _('Most flows at a time'), _('Each takes about 200 bytes. Needs a restart of nfa.'), 'range(16,1048576)', '8192');
		option('more', form.DynamicList, 'local_network', _('More networks of the LAN')).datatype = 'cidr';
		option('more', form.Value, 'dscp_mask', _('Bits of the mark for priorities')).placeholder = '0x3f';
		option('more', form.Value, 'mark_mask', _('Bits of the mark for blocking')).placeholder = '0x7f000000';

		/* A grid of sections that others name. */
		const grid = (type, title, description) => {
			s = m.section(form.GridSection, type, title, description);
			s.anonymous = true;
			s.addremove = true;
			s.nodescriptions = true;
			s.modaltitle = title;

			o = s.option(form.Value, 'name', _('Name'));
			o.rmempty = false;
			o.cfgvalue = (sid) => uci.get('nfa', sid, 'name') || (/^cfg[0-9a-f]{6}$/.test(sid) ? null : sid);
		};
		const field = (kind, name, title, description) => {
			o = s.option(kind, name, title, description);
			o.optional = true;
			return o;
		};
		const devices = () => nfa.offer(o, names);
		const time = () => {
			o.optional = false;
			o.placeholder = '21:00';
			o.validate = (sid, value) => (/^([01][0-9]|2[0-3]):[0-5][0-9]$/.test(value) ? true : _('a time such as 21:00'));
		};

		grid('interface', _('Interfaces'), _('Where traffic is watched: the logical name, or the device.'));
		field(form.ListValue, 'role', _('Side'));
		o.value('lan', 'LAN');
		o.value('wan', 'WAN');
		o['default'] = 'lan';
		field(form.Flag, 'enabled', _('On'))['default'] = '1';

		grid('group', _('Groups of devices'));
		field(form.DynamicList, 'member', _('Members'), _('Hardware addresses, addresses, networks, or @TAG for a file of them.'));
		devices();

		grid('schedule', _('Schedules'));
		field(form.MultiValue, 'day', _('Days'), _('None: every day.'));
		[ [ 'mon', _('Monday') ], [ 'tue', _('Tuesday') ], [ 'wed', _('Wednesday') ], [ 'thu', _('Thursday') ],
			[ 'fri', _('Friday') ], [ 'sat', _('Saturday') ], [ 'sun', _('Sunday') ] ].forEach((day) => o.value(day[0], day[1]));
		field(form.Value, 'start', _('From'));
		time();
		field(form.Value, 'end', _('To'), _('Earlier than the start: on the next day.'));
		time();

		grid('exemption', _('Exemptions'), _('What no rule holds for.'));
		field(form.DynamicList, 'device', _('Devices'));
		devices();
		field(form.DynamicList, 'application', _('Applications'));
		field(form.DynamicList, 'category', _('Categories'));
		field(form.DynamicList, 'protocol', _('Protocols'));
		field(form.DynamicList, 'match', _('Addresses or criteria'));

		grid('set', _('Sets'), _('What a set of rules is made of; one that is not listed holds the addresses of servers.'));
		field(form.ListValue, 'match', _('Made of'));
		[ [ 'dest_ip', _('server') ], [ 'dest_ip dest_port', _('server and port') ], [ 'src_ip dest_ip dest_port', _('device, server and port') ],
			[ 'src_ip', _('device') ], [ 'src_mac', _('hardware address') ] ].forEach((match) => o.value(match[0], match[1]));
		field(form.Value, 'timeout', _('Seconds')).datatype = 'range(30,86400)';
		field(form.Value, 'maxelem', _('Most members')).datatype = 'range(16,65536)';

		return m.render().then((node) => nfa.page(_('Settings'), null, [ nfa.findings(), node ]));
	}
});
