# Runs git for a program that nobody sits in front of: it asks for no password, runs no hook, and takes nothing from a
# git command that may have started collector.
# shellcheck disable=SC2046 # the names of variables
unset $(git rev-parse --local-env-vars 2> /dev/null | grep -vx -e GIT_CONFIG_PARAMETERS -e GIT_CONFIG_COUNT)
export GIT_TERMINAL_PROMPT=0 GCM_INTERACTIVE=never SSH_ASKPASS_REQUIRE=never GIT_LFS_SKIP_SMUDGE=1 LC_ALL=C
if [ -z "$GIT_SSH" ]; then
    ssh=${GIT_SSH_COMMAND:-$(git config --get core.sshCommand 2> /dev/null || echo ssh)}
    export GIT_SSH_COMMAND="$ssh -o BatchMode=yes"
fi
exec git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c gc.auto=0 -c maintenance.auto=false "$@"
