/*
 * The first process of boot.sh's big-endian machine, for which Debian has neither shell nor ipset: what
 * guest.sh does, with system calls, and the kernel's sets as `ipset save` would print them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/ipv6.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define BRIDGE "br-lan"
#define PORT "eth0"

static void end(const char *format, ...)
{
	va_list values;
	va_start(values, format);
	printf("END ");
	vprintf(format, values);
	printf("\n");
	fflush(stdout);
	sleep(1); /* the console is slower than we are */
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void need(int result, const char *what)
{
	if (result < 0)
		end("failed: %s: %s", what, strerror(errno));
}

/* The lines of a file that begin with that, as they are. */
static void show(const char *path, const char *start)
{
	char line[512];
	FILE *file = fopen(path, "r");
	if (!file)
		end("failed: %s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, start, strlen(start)))
			fputs(line, stdout);
	fclose(file);
}

static long number(const char *path)
{
	long value = -1;
	FILE *file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%ld", &value) != 1)
			value = -1;
		fclose(file);
	}
	return value;
}

static void up(int socket, const char *name)
{
	struct ifreq request = { 0 };
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	need(ioctl(socket, SIOCGIFFLAGS, &request), name);
	request.ifr_flags |= IFF_UP;
	need(ioctl(socket, SIOCSIFFLAGS, &request), name);
}

/* br-lan with the network card in it, and the addresses of the captures' router. */
static void bridge(void)
{
	int v4 = socket(AF_INET, SOCK_DGRAM, 0), v6 = socket(AF_INET6, SOCK_DGRAM, 0);
	struct ifreq request = { 0 };
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
	struct in6_ifreq six = { 0 };
	need(v4, "socket");
	need(v6, "socket of IPv6");
	up(v4, "lo");
	need(ioctl(v4, SIOCBRADDBR, BRIDGE), "SIOCBRADDBR");
	strcpy(request.ifr_name, BRIDGE);
	request.ifr_ifindex = (int)if_nametoindex(PORT);
	need(ioctl(v4, SIOCBRADDIF, &request), "SIOCBRADDIF");
	memset(&request.ifr_addr, 0, sizeof request.ifr_addr);
	address->sin_family = AF_INET;
	inet_pton(AF_INET, "192.168.71.1", &address->sin_addr);
	need(ioctl(v4, SIOCSIFADDR, &request), "SIOCSIFADDR");
	inet_pton(AF_INET, "255.255.255.0", &address->sin_addr);
	need(ioctl(v4, SIOCSIFNETMASK, &request), "SIOCSIFNETMASK");
	up(v4, PORT);
	up(v4, BRIDGE);
	inet_pton(AF_INET6, "fd71::1", &six.ifr6_addr);
	six.ifr6_prefixlen = 64;
	six.ifr6_ifindex = (int)if_nametoindex(BRIDGE);
	need(ioctl(v6, SIOCSIFADDR, &six), "SIOCSIFADDR of IPv6");
	close(v4);
	close(v6);
}

/* Starts nfa with its output in a file. */
static pid_t start(const char *log, char *const arguments[])
{
	pid_t child;
	fflush(stdout);
	child = fork();
	need(child, "fork");
	if (!child) {
		int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(out, 1);
		dup2(out, 2);
		execv("/usr/sbin/nfa", arguments);
		_exit(127);
	}
	return child;
}

static int finish(pid_t child)
{
	int status = 0;
	need(waitpid(child, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The attribute of that type among `size` bytes. */
static struct nlattr *find(void *at, int size, int type)
{
	char *place = at;
	while (size >= (int)sizeof(struct nlattr)) {
		struct nlattr *found = (struct nlattr *)place;
		int step = NLA_ALIGN(found->nla_len);
		if (found->nla_len < sizeof *found || found->nla_len > size)
			return NULL;
		if ((found->nla_type & NLA_TYPE_MASK) == type)
			return found;
		place += step;
		size -= step;
	}
	return NULL;
}

static void *inside(struct nlattr *attribute) { return (char *)attribute + NLA_HDRLEN; }
static int bytes(struct nlattr *attribute) { return attribute->nla_len - NLA_HDRLEN; }

static int address(struct nlattr *nested, char *text)
{
	struct nlattr *four = nested ? find(inside(nested), bytes(nested), IPSET_ATTR_IPADDR_IPV4) : NULL;
	struct nlattr *six = nested ? find(inside(nested), bytes(nested), IPSET_ATTR_IPADDR_IPV6) : NULL;
	if (four)
		return !!inet_ntop(AF_INET, inside(four), text, INET6_ADDRSTRLEN);
	return six && inet_ntop(AF_INET6, inside(six), text, INET6_ADDRSTRLEN);
}

/* One message of the kernel's listing: members of a set of hash:ip,port,ip. */
static int members(struct nlmsghdr *message, int print)
{
	int skip = NLMSG_LENGTH(sizeof(struct nfgenmsg)), count = 0, left;
	char *body = (char *)message + skip, *place;
	struct nlattr *name = find(body, (int)message->nlmsg_len - skip, IPSET_ATTR_SETNAME);
	struct nlattr *list = find(body, (int)message->nlmsg_len - skip, IPSET_ATTR_ADT);
	if (!name || !list)
		return 0;
	place = inside(list);
	for (left = bytes(list); left >= (int)sizeof(struct nlattr);) {
		struct nlattr *one = (struct nlattr *)place, *port, *protocol, *timeout;
		char first[INET6_ADDRSTRLEN], second[INET6_ADDRSTRLEN];
		if (one->nla_len < sizeof *one || one->nla_len > left)
			end("failed: a member's length");
		port = find(inside(one), bytes(one), IPSET_ATTR_PORT);
		protocol = find(inside(one), bytes(one), IPSET_ATTR_PROTO);
		timeout = find(inside(one), bytes(one), IPSET_ATTR_TIMEOUT);
		if (!port || !protocol || !timeout || !address(find(inside(one), bytes(one), IPSET_ATTR_IP), first) ||
		    !address(find(inside(one), bytes(one), IPSET_ATTR_IP2), second))
			end("failed: a member without address, port, protocol or timeout");
		if (print)
			printf("add %s %s,%s:%u,%s timeout %u\n", (char *)inside(name), first,
			       *(unsigned char *)inside(protocol) == 6 ? "tcp" : "udp",
			       ntohs(*(unsigned short *)inside(port)), second, ntohl(*(unsigned *)inside(timeout)));
		count++;
		place += NLA_ALIGN(one->nla_len);
		left -= NLA_ALIGN(one->nla_len);
	}
	return count;
}

/* All members of all sets; how many. */
static int sets(int print)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg family;
		struct nlattr protocol;
		unsigned char version[4];
	} ask = {
		.head = { .nlmsg_len = sizeof ask, .nlmsg_type = NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.protocol = { .nla_len = NLA_HDRLEN + 1, .nla_type = IPSET_ATTR_PROTOCOL },
		.version = { 6 },
	};
	static char answer[1 << 16] __attribute__((aligned(8)));
	int line = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), count = 0;
	need(line, "netlink");
	need((int)send(line, &ask, sizeof ask, 0), "the question for sets");
	for (;;) {
		int size = (int)recv(line, answer, sizeof answer, 0);
		struct nlmsghdr *message = (struct nlmsghdr *)answer;
		need(size, "the answer about sets");
		for (; NLMSG_OK(message, (unsigned)size); message = NLMSG_NEXT(message, size)) {
			if (message->nlmsg_type == NLMSG_DONE) {
				close(line);
				return count;
			}
			if (message->nlmsg_type == NLMSG_ERROR)
				end("failed: the kernel refuses to list sets: %d", ((struct nlmsgerr *)NLMSG_DATA(message))->error);
			count += members(message, print);
		}
	}
}

int main(void)
{
	char *run[] = { "nfa", "run", "--config", "/etc/nfa.json", "--catalogue", "/usr/share/nfa/apps.d", NULL };
	char *status[] = { "nfa", "status", NULL };
	const char *received = "/sys/class/net/" BRIDGE "/statistics/rx_packets";
	char path[64];
	struct utsname system;
	union { unsigned short word; unsigned char byte; } order = { .word = 1 };
	long wanted;
	int tries;
	pid_t agent;
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("run", "/var/run", "tmpfs", 0, NULL);
	uname(&system);
	printf("UP %s %s, %s endian\n", system.release, system.machine, order.byte ? "little" : "big");
	show("/proc/meminfo", "MemTotal");
	bridge();
	agent = start("/tmp/log", run);
	for (tries = 0; finish(start("/tmp/status", status)) != 0; tries++) {
		if (tries == 30) {
			show("/tmp/log", "");
			end("failed: nfa does not answer");
		}
		sleep(1);
	}
	sleep(1); /* for the kernel's own first packets: neighbour discovery */
	printf("READY\n");
	fflush(stdout);
	wanted = number("/etc/frames");
	for (tries = 0; number(received) < wanted; tries++) {
		if (tries == 60)
			end("failed: %ld frames of %ld came", number(received), wanted);
		sleep(1);
	}
	sleep(2);
	sets(1);
	snprintf(path, sizeof path, "/proc/%d/status", (int)agent);
	show(path, "VmHWM");
	show(path, "VmRSS");
	show(path, "RssAnon");
	show("/proc/meminfo", "MemAvailable");
	finish(start("/tmp/status", status));
	show("/tmp/status", "");
	kill(agent, SIGTERM);
	printf("nfa ended with %d\n", finish(agent));
	show("/tmp/log", "");
	printf("members left: %d\n", sets(0));
	end("well");
}
