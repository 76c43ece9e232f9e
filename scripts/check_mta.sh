#!/usr/bin/env bash
# Mail an archived run through Postfix as Debian packages it, on loopback only: STARTTLS with a log-in, one refused
# recipient among three, the PDF compared by its hash, a second run that mails nobody, a wrong password, and a
# certificate that is not trusted. The tests of the program use a server inside Python; this is the real thing.
#
# Needs root (Postfix changes users) and `apt-get install postfix sasl2-bin libsasl2-modules openssl`. Its own
# configuration, queue, mailboxes and log stand in a temporary folder; the machine's Postfix is not touched.
#
#   sudo PYTHON=.venv/bin/python scripts/check_mta.sh
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
export PYTHONPATH=.
port=${PORT:-2525}
for needed in postfix saslpasswd2 openssl "$python"; do
  command -v "$needed" >/dev/null || { echo "$needed is not installed; see the head of $0" >&2; exit 2; }
done
[ "$(id -u)" -eq 0 ] || { echo "Postfix can only be started by root" >&2; exit 2; }

folder=$(mktemp -d)
started=
finish() {
  if [ -n "$started" ]; then postfix -c "$folder/postfix" stop 2>/dev/null || true; fi
  rm -rf "$folder"
}
trap finish EXIT
chmod 755 "$folder"

failed=0
check() { # check WHAT COMMAND...: say whether a command succeeds
  local what=$1
  shift
  if "$@" >/dev/null; then echo "ok      $what"; else echo "FAILED  $what"; failed=1; fi
}

# An authority, and a certificate for localhost.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=check authority" \
  -keyout "$folder/ca.key" -out "$folder/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$folder/key.pem" -out "$folder/request.pem" 2>/dev/null
openssl x509 -req -in "$folder/request.pem" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial -days 2 \
  -extfile <(echo "subjectAltName=DNS:localhost") -out "$folder/cert.pem" 2>/dev/null
chmod 600 "$folder"/*.key "$folder/key.pem"

# A server that takes mail for two mailboxes, encrypted and after a log-in only.
mkdir -p "$folder/mail/a" "$folder/mail/c" "$folder/spool" "$folder/data" "$folder/postfix"
chown -R nobody:nogroup "$folder/mail"
chown postfix: "$folder/data"
cat >"$folder/postfix/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $folder/spool
data_directory = $folder/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = $folder/log
maillog_file_prefixes = $folder
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
virtual_mailbox_domains = x.example
virtual_mailbox_maps = inline:{ a@x.example=a/ c@x.example=c/ }
virtual_mailbox_base = $folder/mail
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = $folder/cert.pem
smtpd_tls_key_file = $folder/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
CONF
cat >"$folder/postfix/master.cf" <<CONF
127.0.0.1:$port inet n - n - - smtpd
tlsmgr unix - - n 1000? 1 tlsmgr
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CONF
mkdir "$folder/postfix/sasl" # where Debian has Postfix look for it
cat >"$folder/postfix/sasl/smtpd.conf" <<CONF
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $folder/logins
mech_list: PLAIN LOGIN
CONF
echo 'correct horse' | saslpasswd2 -p -c -u localhost -f "$folder/logins" qa
chown postfix: "$folder/logins"
postfix -c "$folder/postfix" start
started=yes
for _ in $(seq 50); do
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  sleep 0.1
done

# An archived run, and a configuration that mails it to a, b and c; there is no b.
run=$("$python" -c "
from pathlib import Path
from tests.delivery.archived_run import WHOLE, write_run
print(write_run(Path('$folder/archive'), WHOLE))")
cat >"$folder/wave.yaml" <<CONF
survey: {name: Trust Survey}
data: {file: wave.csv, interviewer: intnum}
items: [trust]
email:
  from: Qualität <qa@agency.example>
  to: [a@x.example, b@x.example]
  cc: [c@x.example]
  smtp: {host: localhost, port: $port, user: qa, password_env: QA_CHECK_PASSWORD, timeout: 10}
CONF
cat >"$folder/send.sh" <<'SEND'
# send.sh PYTHON RUN CONFIG FILE: mail, keep what is said in FILE, print the exit code
code=0
"$1" -c 'import sys; from qa_reports.cli import main; sys.exit(main())' send "$2" --config "$3" >"$4" 2>&1 || code=$?
echo "$code"
SEND
mailed() { bash "$folder/send.sh" "$python" "$run" "$folder/wave.yaml" "$folder/said"; }
taken() { find "$folder/mail/$1" -path '*/new/*' -type f | wc -l; }

echo "--- a wrong password"
code=$(QA_CHECK_PASSWORD=wrong SSL_CERT_FILE="$folder/ca.pem" mailed)
cat "$folder/said"
check "exit code 4" test "$code" -eq 4
check "the line names the user and where the password came from" \
  grep -q "does not let qa in with the password from QA_CHECK_PASSWORD" "$folder/said"

export QA_CHECK_PASSWORD='correct horse'
echo "--- a certificate that is not trusted"
code=$(mailed)
cat "$folder/said"
check "exit code 4" test "$code" -eq 4
check "the line says so" grep -q "its certificate cannot be trusted" "$folder/said"
check "nothing was delivered" test "$(taken a)$(taken c)" = 00

export SSL_CERT_FILE="$folder/ca.pem"
echo "--- one refused recipient among three"
code=$(mailed)
cat "$folder/said"
check "exit code 4" test "$code" -eq 4
check "a is served" grep -qx "a@x.example: sent" "$folder/said"
check "b is refused by name" grep -q "^b@x.example: not sent: 55" "$folder/said"
check "c is served" grep -qx "c@x.example: sent" "$folder/said"
for _ in $(seq 50); do
  [ "$(taken a)$(taken c)" = 11 ] && break
  sleep 0.1
done

echo "--- what was delivered"
"$python" - "$folder/mail" <<'READ' || failed=1
import email, hashlib, pathlib, sys
from email import policy
from tests.delivery.archived_run import PDF

for mailbox in ("a", "c"):
    (path,) = pathlib.Path(sys.argv[1], mailbox).glob("new/*")
    message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    (attachment,) = message.iter_attachments()
    digest = hashlib.sha256(attachment.get_payload(decode=True)).hexdigest()
    print(f"{mailbox}: {message['Subject']} | From {message['From']} | {attachment.get_filename()} {digest[:16]}")
    assert digest == hashlib.sha256(PDF).hexdigest(), "the PDF was changed on its way"
    assert message["Auto-Submitted"] == "auto-generated"
READ

echo "--- a second time"
code=$(mailed)
cat "$folder/said"
check "a and c had it already" test "$(grep -c "was sent it on" "$folder/said")" -eq 2
sleep 1
check "nobody has it twice" test "$(taken a)$(taken c)" = 11

[ "$failed" -eq 0 ] && echo "all is well" || { echo "--- the server's log"; tail -40 "$folder/log"; }
exit "$failed"
