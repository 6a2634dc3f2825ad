"""`python -m agentmesh`: the same as the command `agentmesh`."""

from agentmesh.cli.app import main

if __name__ == "__main__":
    main()
