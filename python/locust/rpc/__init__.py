"""Message: what listeners registered with runner.register_message() get as `msg`."""


class Message:
    """`type`, `data` as it was sent, and `node_id`: the client id of the process that sent it."""

    def __init__(self, message_type, data, node_id):
        self.type = message_type
        self.data = data
        self.node_id = node_id

    def __repr__(self):
        return f"<Message {self.type}:{self.node_id}>"
