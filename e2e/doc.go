// Package e2e holds the tests that drive a running cumulited from outside, with
// the clients that people use: Debian's openstack command, neutronclient,
// openstacksdk and gophercloud, all unmodified; and with Tempest, OpenStack's own
// judge of clouds.
package e2e
