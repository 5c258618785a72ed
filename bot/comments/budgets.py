"""What the bot says when a limit stops it: model calls of a day, and other bots that talk in a loop."""


def repository_used_up(calls: int) -> str:
    return f"The requests of this repository have used up the {calls:,} model calls they may take in 24 hours."


def person_used_up(calls: int) -> str:
    return f"The requests of this person have used up the {calls:,} model calls they may take here in 24 hours."


def bot_loop(events: int, minutes: int) -> str:
    return (
        f"Other bots did something here {events} times within a minute, so I ignore what bots do on this request for "
        f"{minutes} minutes. People are heard as always."
    )
