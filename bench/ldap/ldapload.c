/* ldapload: closed-loop LDAP search load on loopback, one thread, epoll.
 *
 * usage: ldapload HOST PORT CONNECTIONS SECONDS DRAIN REQFILE
 *
 * REQFILE: repeated [u32 little-endian length][one BER LDAPMessage]. Each connection walks the file from its own
 * place, sends one request, waits for its SearchResultDone (0x65), then sends the next: no bind, no unbind.
 *
 * The rate counts what is answered within SECONDS. Searches under way at that moment are waited for, up to DRAIN
 * seconds, and their latencies count: a server that is slow at the end would otherwise look faster than it is. Those
 * that are not answered even then enter the latencies with the time they have waited, and are told as "unanswered".
 *
 * prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ENTRY 0x64
#define DONE 0x65
#define EVENTS 256
#define ROOM 32768

typedef struct {
  int fd, waiting;
  unsigned char *buf;
  size_t len, cap, next;
  double sent;
} Conn;

static unsigned char **reqs;
static uint32_t *lens;
static size_t nreq;
static float *lat; /* milliseconds */
static size_t nlat, caplat, in_time, unanswered;
static unsigned long long entries, bytes, codes[256];

static void die(const char *what) { perror(what); exit(2); }

static void *grown(void *p, size_t size) {
  p = realloc(p, size);
  if (!p) die("memory");
  return p;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void read_requests(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) die(path);
  size_t cap = 0;
  unsigned char l[4];
  while (fread(l, 1, 4, f) == 4) {
    uint32_t n = l[0] | l[1] << 8 | l[2] << 16 | (uint32_t)l[3] << 24;
    if (nreq == cap) {
      cap = cap ? cap * 2 : 1024;
      reqs = grown(reqs, cap * sizeof *reqs);
      lens = grown(lens, cap * sizeof *lens);
    }
    reqs[nreq] = grown(NULL, n);
    if (fread(reqs[nreq], 1, n, f) != n) die("short request file");
    lens[nreq++] = n;
  }
  fclose(f);
  if (!nreq) { fprintf(stderr, "no requests in %s\n", path); exit(2); }
}

static void send_next(Conn *c) {
  size_t i = c->next++ % nreq, off = 0;
  c->sent = now();
  c->waiting = 1;
  while (off < lens[i]) {
    ssize_t w = write(c->fd, reqs[i] + off, lens[i] - off);
    if (w < 0) { if (errno == EAGAIN) continue; die("write"); }
    off += w;
  }
}

/* Length of the element at p (header and content), 0 while it is not all there; *head gets the header's size. */
static size_t element(const unsigned char *p, size_t n, size_t *head) {
  if (n < 2) return 0;
  size_t l = p[1], h = 2;
  if (l & 0x80) {
    size_t k = l & 0x7f;
    if (n < 2 + k) return 0;
    l = 0;
    for (size_t i = 0; i < k; i++) l = l << 8 | p[2 + i];
    h = 2 + k;
  }
  *head = h;
  return n >= h + l ? h + l : 0;
}

static void note(double milliseconds) {
  if (nlat == caplat) {
    caplat = caplat ? caplat * 2 : 1 << 20;
    lat = grown(lat, caplat * sizeof *lat);
  }
  lat[nlat++] = milliseconds;
}

/* Take the complete messages from a connection's buffer; go on with the next request while `sending`. */
static void take(Conn *c, double start, double secs) {
  size_t off = 0, head, size;
  while ((size = element(c->buf + off, c->len - off, &head))) {
    unsigned char *p = c->buf + off + head;
    p += 2 + p[1]; /* the message id */
    off += size;
    if (p[0] == ENTRY) {
      entries++;
    } else if (p[0] == DONE) {
      size_t inner;
      element(p, c->buf + off - p, &inner);
      codes[p[inner + 2]]++; /* ENUMERATED, one octet: 0a 01 code */
      double t = now();
      note((t - c->sent) * 1e3);
      c->waiting = 0;
      if (t - start < secs) { in_time++; send_next(c); }
    }
  }
  memmove(c->buf, c->buf + off, c->len - off);
  c->len -= off;
}

static Conn *connect_all(int n, const char *host, int port, int ep) {
  Conn *cs = calloc(n, sizeof *cs);
  if (!cs) die("memory");
  for (int i = 0; i < n; i++) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&a, sizeof a)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    cs[i] = (Conn){.fd = fd, .cap = 1 << 17, .next = (size_t)i * nreq / n};
    cs[i].buf = grown(NULL, cs[i].cap);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &cs[i]};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
  }
  return cs;
}

static int any_waiting(Conn *cs, int n) {
  for (int i = 0; i < n; i++) if (cs[i].waiting) return 1;
  return 0;
}

static int ascending(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

/* Nearest rank, as bench/latency.py has it. */
static float percentile(size_t percent) { return lat[(nlat * percent + 99) / 100 - 1]; }

int main(int ac, char **av) {
  if (ac != 7) { fprintf(stderr, "usage: ldapload HOST PORT CONNECTIONS SECONDS DRAIN REQFILE\n"); return 2; }
  int n = atoi(av[3]);
  double secs = atof(av[4]), drain = atof(av[5]);
  read_requests(av[6]);
  int ep = epoll_create1(0);
  Conn *cs = connect_all(n, av[1], atoi(av[2]), ep);
  double start = now();
  for (int i = 0; i < n; i++) send_next(&cs[i]);
  struct epoll_event evs[EVENTS];
  unsigned long long entries_in_time = 0, bytes_in_time = 0;
  int over = 0;
  for (;;) {
    double t = now() - start;
    if (!over && t >= secs) { over = 1; entries_in_time = entries; bytes_in_time = bytes; }
    if (over && (t >= secs + drain || !any_waiting(cs, n))) break;
    int k = epoll_wait(ep, evs, EVENTS, 50);
    for (int i = 0; i < k; i++) {
      Conn *c = evs[i].data.ptr;
      if (c->cap - c->len < ROOM) { c->cap *= 2; c->buf = grown(c->buf, c->cap); }
      ssize_t r = read(c->fd, c->buf + c->len, c->cap - c->len);
      if (r < 0) { if (errno == EAGAIN) continue; die("read"); }
      if (r == 0) { fprintf(stderr, "the server closed a connection\n"); return 3; }
      bytes += r;
      c->len += r;
      take(c, start, secs);
    }
  }
  for (int i = 0; i < n; i++)
    if (cs[i].waiting) { unanswered++; note((now() - cs[i].sent) * 1e3); }
  qsort(lat, nlat, sizeof *lat, ascending);
  printf("{\"searches\": %zu, \"per_second\": %.2f, \"entries_per_second\": %.1f, \"megabytes_per_second\": %.2f, "
         "\"unanswered\": %zu, \"p50_ms\": %.3f, \"p95_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"codes\": {",
         nlat, in_time / secs, entries_in_time / secs, bytes_in_time / secs / 1e6,
         unanswered, percentile(50), percentile(95), percentile(99), lat[nlat - 1]);
  const char *comma = "";
  for (int i = 0; i < 256; i++)
    if (codes[i]) { printf("%s\"%d\": %llu", comma, i, codes[i]); comma = ", "; }
  printf("}, \"entries\": %llu}\n", entries);
  return 0;
}
