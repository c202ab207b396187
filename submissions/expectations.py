def run(connection, contract, dataset):
    return ()
